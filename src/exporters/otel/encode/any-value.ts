import type { FlatAttributes } from '../span-record.ts'
import { type KnownText, knownText, putKnown } from './known-text.ts'
import {
  closeMessage,
  ensure,
  openMessage,
  type ProtobufWriter,
  putAscii,
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
  writeKnownKeyValue(writer, tag, key, knownText(key), value)
}

/** A KeyValue field whose key has been looked up. Makes its own room. */
export function writeKnownKeyValue(
  writer: ProtobufWriter,
  tag: number,
  key: string,
  known: KnownText | undefined,
  value: unknown,
): void {
  if (known !== undefined && writeShortKeyValue(writer, tag, known, value)) return
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

/** Such a pair has only lengths of one byte. */
const shortChars = 100

/** The usual attribute: a known key and a short scalar. False, with nothing written, for any other. */
function writeShortKeyValue(writer: ProtobufWriter, tag: number, key: KnownText, value: unknown): boolean {
  ensure(writer, 16 + key.length + shortChars)
  const { bytes, view, at } = writer
  const valueAt = at + 4 + key.length
  let end: number
  putKnown(view, at + 4, key)
  if (typeof value === 'string') {
    const { length } = value
    if (key.length + length > shortChars) return false
    const text = key.valueText(value)
    if (text !== undefined) {
      putKnown(view, valueAt + 4, text)
      end = valueAt + 4 + length
    } else {
      end = putAscii(view, valueAt + 4, value)
      if (end < 0) return false
    }
    view.setUint32(valueAt, pack(0x12, length + 2, 0x0a, length), true)
  } else if (typeof value === 'number') {
    if (value >= 0 && value < 0x80 && (value | 0) === value) {
      view.setUint32(valueAt, pack(0x12, 2, 0x18, value), true)
      end = valueAt + 4
    } else {
      writer.at = valueAt + 2
      writeNumber(writer, value)
      end = writer.at
      writer.at = at
      bytes[valueAt] = 0x12
      bytes[valueAt + 1] = end - valueAt - 2
    }
  } else if (typeof value === 'boolean') {
    view.setUint32(valueAt, pack(0x12, 2, 0x10, value ? 1 : 0), true)
    end = valueAt + 4
  } else return false
  view.setUint32(at, pack(tag, end - at - 2, 0x0a, key.length), true)
  writer.at = end
  return true
}

/** Four bytes as one little-endian word. */
const pack = (a: number, b: number, c: number, d: number): number => a | (b << 8) | (c << 16) | (d << 24)

/** A field that is an AnyValue, of a text that is known. Makes its own room. */
export function writeKnownAnyValue(writer: ProtobufWriter, tag: number, text: KnownText): void {
  const { length } = text
  ensure(writer, 8 + length)
  const { view, at } = writer
  view.setUint32(at, pack(tag, length + 2, 0x0a, length), true)
  putKnown(view, at + 4, text)
  writer.at = at + 4 + length
}

/** A field that is an AnyValue. Makes its own room. */
export function writeAnyValueField(writer: ProtobufWriter, tag: number, value: unknown): void {
  ensure(writer, 1)
  writeByte(writer, tag)
  writeAnyValue(writer, value)
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
