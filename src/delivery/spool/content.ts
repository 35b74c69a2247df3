import { crc32 } from 'node:zlib'

/** The head of a file, before the items that its driver has packed. */
export interface ContentHead {
  /** The exporter's type, and the version of its packing. */
  readonly type: string
  readonly version: number
  /** Telemetry events of each item. */
  readonly weights: readonly number[]
  /** Bytes of each item in a request, unless the driver can be asked for them. */
  readonly wires: readonly number[] | null
  /** True if all items come from self-telemetry. */
  readonly self: boolean
}

export interface Content {
  readonly head: ContentHead
  readonly packed: Buffer
}

/** A file that is not what its name says. */
export class CorruptFile extends Error {}

const magic = Buffer.from('TLMS')
const frame = magic.length + 4

/** A file: the letters TLMS, the length of the head in 4 bytes (big-endian), the head as JSON, what was packed. */
export function encodeContent(head: ContentHead, packed: Uint8Array): Buffer {
  const text = Buffer.from(JSON.stringify(head))
  const content = Buffer.allocUnsafeSlow(frame + text.length + packed.length)
  content.set(magic, 0)
  content.writeUInt32BE(text.length, magic.length)
  content.set(text, frame)
  content.set(packed, frame + text.length)
  return content
}

export const checksumOf = (content: Buffer): number => crc32(content)

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const areCounts = (value: unknown): boolean => Array.isArray(value) && value.every(isCount)

function isHead(head: unknown): head is ContentHead {
  if (typeof head !== 'object' || head === null) return false
  const { type, version, weights, wires, self } = head as Partial<Record<keyof ContentHead, unknown>>
  return (
    typeof type === 'string' &&
    isCount(version) &&
    areCounts(weights) &&
    (wires === null || (areCounts(wires) && (wires as []).length === (weights as []).length)) &&
    typeof self === 'boolean'
  )
}

/** @throws CorruptFile unless the content is that which the name tells of. */
export function decodeContent(content: Buffer, said: { bytes: number; checksum: number }): Content {
  if (content.length !== said.bytes) throw new CorruptFile(`it is not a file of ${said.bytes} bytes`)
  if (checksumOf(content) !== said.checksum) throw new CorruptFile('its checksum is wrong')
  const length = content.length < frame ? 0 : content.readUInt32BE(magic.length)
  if (!content.subarray(0, magic.length).equals(magic) || frame + length > content.length)
    throw new CorruptFile('it does not begin as a spool file does')
  let head: unknown
  try {
    head = JSON.parse(content.toString('utf8', frame, frame + length))
  } catch {
    throw new CorruptFile('its head is not JSON')
  }
  if (!isHead(head)) throw new CorruptFile('its head is incomplete')
  return { head, packed: content.subarray(frame + length) }
}
