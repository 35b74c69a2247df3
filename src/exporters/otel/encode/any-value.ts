import type { FlatAttributes } from '../span-record.ts'
import {
  closeMessage,
  ensure,
  int64Size,
  openMessage,
  type ProtobufWriter,
  putAscii,
  varintSize,
  writeByte,
  writeBytes,
  writeDouble,
  writeInt64,
  writeText,
  writeUint32,
} from './protobuf-writer.ts'

/** An object's own keys and values, as a span record has its attributes. */
export const attributesOf = (object: Readonly<Record<string, unknown>>): unknown[] =>
  Object.entries(object).flat()

/** Repeated KeyValue fields under one tag. Makes its own room. */
export function writeAttributes(
  writer: ProtobufWriter,
  tag: number,
  attributes: FlatAttributes | readonly unknown[],
): void {
  for (let i = 0; i < attributes.length; i += 2) {
    writeKeyValue(writer, tag, attributes[i] as string, attributes[i + 1])
  }
}

function writeKeyValue(writer: ProtobufWriter, tag: number, key: string, value: unknown): void {
  if (writeShortKeyValue(writer, tag, key, value)) return
  ensure(writer, 3)
  writeByte(writer, tag)
  const start = openMessage(writer, 1)
  writeByte(writer, 0x0a)
  writeText(writer, key)
  ensure(writer, 1)
  writeByte(writer, 0x12)
  writeAnyValue(writer, value)
  closeMessage(writer, start, 1)
}

/** Such a pair has only lengths of one byte, known before it is written. */
const shortChars = 100

/** The usual attribute: a key and a scalar that are short and ASCII. False, with nothing written, for any other. */
function writeShortKeyValue(writer: ProtobufWriter, tag: number, key: string, value: unknown): boolean {
  const keyChars = key.length
  if (typeof value === 'string') {
    const chars = value.length
    if (keyChars + chars > shortChars) return false
    ensure(writer, 8 + keyChars + chars)
    const at = putShortKey(writer, tag, key, chars + 2)
    if (at < 0) return false
    const { bytes } = writer
    bytes[at] = 0x0a
    bytes[at + 1] = chars
    const end = putAscii(bytes, at + 2, value)
    if (end < 0) return false
    writer.at = end
    return true
  }
  if (keyChars > shortChars) return false
  if (typeof value === 'number') {
    const size = numberSize(value)
    ensure(writer, 6 + keyChars + size)
    const at = putShortKey(writer, tag, key, size)
    if (at < 0) return false
    writer.at = at
    writeNumber(writer, value)
    return true
  }
  if (typeof value === 'boolean') {
    ensure(writer, 8 + keyChars)
    const at = putShortKey(writer, tag, key, 2)
    if (at < 0) return false
    writer.bytes[at] = 0x10
    writer.bytes[at + 1] = value ? 1 : 0
    writer.at = at + 2
    return true
  }
  return false
}

/** Everything of a pair up to its AnyValue of `valueSize` bytes; returns where that goes, or -1 if the key is not ASCII. */
function putShortKey(writer: ProtobufWriter, tag: number, key: string, valueSize: number): number {
  const { bytes, at } = writer
  bytes[at] = tag
  bytes[at + 1] = 4 + key.length + valueSize
  bytes[at + 2] = 0x0a
  bytes[at + 3] = key.length
  const end = putAscii(bytes, at + 4, key)
  if (end < 0) return -1
  bytes[end] = 0x12
  bytes[end + 1] = valueSize
  return end + 2
}

/** A length-prefixed AnyValue; null, undefined and what OTLP has no type for is an empty one. */
function writeAnyValue(writer: ProtobufWriter, value: unknown): void {
  const start = openMessage(writer, 1)
  ensure(writer, 11)
  if (typeof value === 'string') {
    writeByte(writer, 0x0a)
    writeText(writer, value)
  } else if (typeof value === 'number') {
    writeNumber(writer, value)
  } else if (typeof value === 'boolean') {
    writeByte(writer, 0x10)
    writeByte(writer, value ? 1 : 0)
  } else if (value instanceof Uint8Array) {
    writeByte(writer, 0x3a)
    writeBytes(writer, value)
  } else if (Array.isArray(value)) {
    writeByte(writer, 0x2a)
    const list = openMessage(writer, 1)
    for (const element of value) {
      ensure(writer, 1)
      writeByte(writer, 0x0a)
      writeAnyValue(writer, element)
    }
    closeMessage(writer, list, 1)
  } else if (typeof value === 'object' && value !== null) {
    writeByte(writer, 0x32)
    const list = openMessage(writer, 1)
    writeAttributes(writer, 0x0a, attributesOf(value as Record<string, unknown>))
    closeMessage(writer, list, 1)
  }
  closeMessage(writer, start, 1)
}

const int64 = 2 ** 63

/** Bytes of what `writeNumber` writes. */
function numberSize(value: number): number {
  if ((value | 0) === value && value >= 0) return 1 + varintSize(value)
  return isInt64(value) ? 1 + int64Size(value) : 9
}

const isInt64 = (value: number): boolean => Number.isInteger(value) && value >= -int64 && value < int64

function writeNumber(writer: ProtobufWriter, value: number): void {
  if ((value | 0) === value && value >= 0) {
    writeByte(writer, 0x18)
    writeUint32(writer, value)
  } else if (isInt64(value)) {
    writeByte(writer, 0x18)
    writeInt64(writer, value)
  } else {
    writeByte(writer, 0x21)
    writeDouble(writer, value)
  }
}
