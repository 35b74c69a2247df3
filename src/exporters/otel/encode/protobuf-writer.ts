/**
 * Protobuf wire format into one growing buffer. Plain functions over a plain object: this is the hottest code of an
 * OTLP export, and V8 inlines it so.
 */
export interface ProtobufWriter {
  bytes: Buffer
  view: DataView
  /** Where the next byte goes. */
  at: number
}

const smallest = 64 * 1024

/** `size`: bytes it begins with. */
export function createWriter(size = smallest): ProtobufWriter {
  return writerOver(Buffer.allocUnsafeSlow(size).buffer)
}

/** Writes over all of this memory. */
export function writerOver(memory: ArrayBufferLike): ProtobufWriter {
  return { bytes: Buffer.from(memory), view: new DataView(memory), at: 0 }
}

/** Makes room for `size` more bytes. What writes without asking for room says how much it needs. */
export function ensure(writer: ProtobufWriter, size: number): void {
  if (writer.at + size > writer.bytes.length) grow(writer, writer.at + size)
}

function grow(writer: ProtobufWriter, needed: number): void {
  const bytes = Buffer.allocUnsafeSlow(Math.max(needed, writer.bytes.length * 2))
  writer.bytes.copy(bytes, 0, 0, writer.at)
  writer.bytes = bytes
  writer.view = new DataView(bytes.buffer)
}

/** Gives back the memory that one unusually large message took. */
export function shrink(writer: ProtobufWriter, limit: number): void {
  if (writer.bytes.length <= limit) return
  writer.bytes = Buffer.allocUnsafeSlow(smallest)
  writer.view = new DataView(writer.bytes.buffer)
}

/** Bytes of an unsigned varint below 2 ** 35. */
export const varintSize = (value: number): number =>
  value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5

/** A tag whose field number is 15 or less, or any other byte. Needs 1 byte. */
export function writeByte(writer: ProtobufWriter, byte: number): void {
  writer.bytes[writer.at++] = byte
}

/** An unsigned integer below 2 ** 32. Needs 5 bytes. */
export function writeUint32(writer: ProtobufWriter, value: number): void {
  const { bytes } = writer
  let { at } = writer
  let rest = value >>> 0
  while (rest > 0x7f) {
    bytes[at++] = rest | 0x80
    rest >>>= 7
  }
  bytes[at++] = rest
  writer.at = at
}

const word = 2 ** 32

/** An integral number within int64, as two's complement. Needs 10 bytes. */
export function writeInt64(writer: ProtobufWriter, value: number): void {
  const { bytes } = writer
  let { at } = writer
  let high = Math.floor(value / word)
  // Both halves are exact: value is an integral double, and so is its multiple of 2 ** 32.
  let low = (value - high * word) >>> 0
  high >>>= 0
  while (high > 0 || low > 0x7f) {
    bytes[at++] = low | 0x80
    low = ((low >>> 7) | (high << 25)) >>> 0
    high >>>= 7
  }
  bytes[at++] = low
  writer.at = at
}

/** Needs 8 bytes. */
export function writeDouble(writer: ProtobufWriter, value: number): void {
  writer.view.setFloat64(writer.at, value, true)
  writer.at += 8
}

/** Needs 4 bytes. */
export function writeFixed32(writer: ProtobufWriter, value: number): void {
  writer.view.setUint32(writer.at, value, true)
  writer.at += 4
}

/** Needs 8 bytes. */
export function writeFixed64(writer: ProtobufWriter, high: number, low: number): void {
  const { view, at } = writer
  view.setUint32(at, low, true)
  view.setUint32(at + 4, high, true)
  writer.at = at + 8
}

/** A word of an id, in the big-endian order of ids. Needs 4 bytes. */
export function writeIdWord(writer: ProtobufWriter, value: number): void {
  writer.view.setInt32(writer.at, value)
  writer.at += 4
}

/** Up to here a loop over ASCII beats the call into native code. */
const loopChars = 48

/** A length-prefixed string as UTF-8; lone surrogates become U+FFFD. Makes its own room. */
export function writeText(writer: ProtobufWriter, text: string): void {
  if (text.length > loopChars || !writeShortAscii(writer, text)) writeLongText(writer, text)
}

function writeShortAscii(writer: ProtobufWriter, text: string): boolean {
  ensure(writer, 1 + text.length)
  const { bytes, view, at } = writer
  const end = putAscii(view, at + 1, text)
  if (end < 0) return false
  bytes[at] = text.length
  writer.at = end
  return true
}

/**
 * Puts a text that may be ASCII at a place with room for it, and returns its end, or -1 if it is not ASCII. Four
 * characters at a time: the bounds of memory are checked once for them.
 */
export function putAscii(view: DataView, at: number, text: string): number {
  const { length } = text
  const lastFour = length - 4
  let all = 0
  let i = 0
  for (; i <= lastFour; i += 4) {
    const a = text.charCodeAt(i)
    const b = text.charCodeAt(i + 1)
    const c = text.charCodeAt(i + 2)
    const d = text.charCodeAt(i + 3)
    all |= a | b | c | d
    view.setInt32(at + i, a | (b << 8) | (c << 16) | (d << 24), true)
  }
  for (; i < length; i++) {
    const unit = text.charCodeAt(i)
    all |= unit
    view.setUint8(at + i, unit)
  }
  return all > 0x7f ? -1 : at + length
}

function writeLongText(writer: ProtobufWriter, text: string): void {
  const { length } = text
  ensure(writer, 5 + 3 * length)
  // The prefix is right for ASCII; otherwise the text moves by a byte or two.
  const expected = varintSize(length)
  const start = writer.at + expected
  const size = writer.bytes.write(text, start, 'utf8')
  const actual = varintSize(size)
  if (actual !== expected) writer.bytes.copyWithin(writer.at + actual, start, start + size)
  writeUint32(writer, size)
  writer.at += size
}

/** Length-prefixed bytes. Makes its own room. */
export function writeBytes(writer: ProtobufWriter, value: Uint8Array): void {
  ensure(writer, 5 + value.byteLength)
  writeUint32(writer, value.byteLength)
  writer.bytes.set(value, writer.at)
  writer.at += value.byteLength
}

/**
 * Opens a nested message: leaves `prefix` bytes for its length and returns where its content starts.
 * Makes its own room.
 */
export function openMessage(writer: ProtobufWriter, prefix: number): number {
  ensure(writer, prefix)
  writer.at += prefix
  return writer.at
}

/** Closes what `openMessage` opened. A length that takes another number of bytes than expected moves the content. */
export function closeMessage(writer: ProtobufWriter, start: number, prefix: number): void {
  const size = writer.at - start
  if (size < 0x80 && prefix === 1) {
    writer.bytes[start - 1] = size
    return
  }
  const actual = varintSize(size)
  if (actual !== prefix) {
    if (actual > prefix) ensure(writer, actual - prefix)
    writer.bytes.copyWithin(start - prefix + actual, start, writer.at)
  }
  writer.at = start - prefix
  writeUint32(writer, size)
  writer.at += size
}
