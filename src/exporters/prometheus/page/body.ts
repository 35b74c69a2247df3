import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

const compress = promisify(gzip)

export interface Body {
  readonly bytes: Buffer
  readonly compressed: boolean
}

/** Encodes pages; one that has not changed is encoded and compressed once, however many ask for it. */
export function bodies(): (page: string, compressed: boolean) => Promise<Body> {
  let last: { page: string; bytes: Buffer; gzipped: Promise<Buffer> | undefined } | undefined
  return async (page, compressed) => {
    if (last?.page !== page) last = { page, bytes: Buffer.from(page), gzipped: undefined }
    const current = last
    if (!compressed) return { bytes: current.bytes, compressed }
    current.gzipped ??= compress(current.bytes, { level: 4 })
    return { bytes: await current.gzipped, compressed }
  }
}
