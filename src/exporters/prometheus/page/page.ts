import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Format } from '../names.ts'

/** A rendered page. All requests that asked for it while it was awaited share it. */
export interface Page {
  readonly format: Format
  readonly parts: readonly Buffer[]
  readonly bytes: number
  /** Compressed, when it is first asked for. */
  gzip(): Promise<readonly Buffer[]>
}

/** How long a rendering keeps the event loop to itself: far below 20 ms also on a slow machine. */
export const maxSliceMs = 5
const partLength = 64 * 1024

/** A pause for others once a slice is over. */
export function slices(): () => Promise<void> | undefined {
  let began = performance.now()
  return () => {
    if (performance.now() - began < maxSliceMs) return undefined
    return nextTurn().then(() => {
      began = performance.now()
    })
  }
}

export async function encodePage(format: Format, pieces: Iterable<string>): Promise<Page> {
  const parts: Buffer[] = []
  const pause = slices()
  let bytes = 0
  let text = ''
  const add = (): void => {
    const part = Buffer.from(text)
    parts.push(part)
    bytes += part.length
    text = ''
  }
  for (const piece of pieces) {
    text += piece
    if (text.length < partLength) continue
    add()
    const paused = pause()
    if (paused) await paused
  }
  if (text !== '') add()
  let gzipped: Promise<readonly Buffer[]> | undefined
  return {
    ...{ format, parts, bytes },
    gzip() {
      gzipped ??= compressed(parts)
      return gzipped
    },
  }
}

async function compressed(parts: readonly Buffer[]): Promise<readonly Buffer[]> {
  const { createGzip } = await import('node:zlib')
  const gzip = createGzip({ level: 4, chunkSize: partLength })
  for (const part of parts) gzip.write(part)
  gzip.end()
  const result: Buffer[] = []
  for await (const part of gzip) result.push(part)
  return result
}
