import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress, constants, gunzip } from 'node:zlib'

export const kinds = ['compress', 'hash'] as const
export type Kind = (typeof kinds)[number]

export const isKind = (text: string | null): text is Kind => kinds.includes(text as Kind)

export interface Work {
  readonly kind: Kind
  readonly body: Buffer
  /** What the client says the body's SHA-256 is, in hex. */
  readonly sha256?: string | undefined
}

/** What the work made of the body. */
export interface WorkResult {
  readonly bytes: number
  readonly sha256: string
}

const unpack = promisify(gunzip)
const pack = promisify(brotliCompress)
const largest = 8 * 1024 * 1024
const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/**
 * `compress` repacks gzip as brotli; `hash` checks the body against the client's digest. Both fail for what fails in
 * the world: a body that was cut or damaged on its way. Errors carry a `code`.
 */
export async function perform({ kind, body, sha256 }: Work): Promise<WorkResult> {
  if (kind === 'compress') {
    const plain = await unpack(body, { maxOutputLength: largest })
    const packed = await pack(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } })
    return { bytes: packed.length, sha256: sha256Of(packed) }
  }
  const digest = sha256Of(body)
  if (sha256 !== undefined && sha256 !== digest)
    throw Object.assign(new Error('the body is not what was sent: its SHA-256 differs'), {
      code: 'DIGEST_MISMATCH',
    })
  return { bytes: body.length, sha256: digest }
}
