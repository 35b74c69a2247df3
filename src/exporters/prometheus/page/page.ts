import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Format } from '../names.ts'

export interface PageForm {
  readonly format: Format
  readonly gzip: boolean
}

/** A page as it is sent. All requests that asked for it while it was awaited share it. */
export interface Page extends PageForm {
  readonly parts: readonly Buffer[]
  readonly bytes: number
}

/** How long a slice may block the event loop: even with a garbage collection, a turn stays below 20 ms. */
const maxSliceMs = 2
const partLength = 64 * 1024

/** Resolves while there is time left in the current slice, else in the next turn of the event loop. */
export type Slices = () => Promise<void>

/** Makes slices that any number of renderings and answers share: together they take one slice of a turn. */
export function createSlices(): Slices {
  let until = 0
  let pause: Promise<void> | undefined
  return async () => {
    while (pause !== undefined || performance.now() >= until) {
      pause ??= nextTurn().then(() => {
        pause = undefined
        until = performance.now() + maxSliceMs
      })
      await pause
    }
  }
}

export async function encodePage(
  { format, gzip }: PageForm,
  pieces: Iterable<string>,
  slice: Slices,
): Promise<Page> {
  let parts: Buffer[] = []
  let text = ''
  await slice()
  for (const piece of pieces) {
    text += piece
    if (text.length < partLength) continue
    parts.push(Buffer.from(text))
    text = ''
    await slice()
  }
  if (text !== '') parts.push(Buffer.from(text))
  if (gzip) parts = await compressed(parts)
  return { format, gzip, parts, bytes: parts.reduce((sum, part) => sum + part.length, 0) }
}

async function compressed(parts: readonly Buffer[]): Promise<Buffer[]> {
  const { createGzip } = await import('node:zlib')
  const gzip = createGzip({ level: 4, chunkSize: partLength })
  for (const part of parts) gzip.write(part)
  gzip.end()
  const result: Buffer[] = []
  for await (const part of gzip) result.push(part)
  return result
}
