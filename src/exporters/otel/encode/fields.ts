import type { TraceId } from '../span-record.ts'
import { knownText, writeKnownField } from './known-text.ts'
import {
  closeMessage,
  ensure,
  openMessage,
  type ProtobufWriter,
  writeByte,
  writeFixed32,
  writeFixed64,
  writeIdWord,
  writeText,
  writeUint32,
} from './protobuf-writer.ts'

const traceIdBytes = 16
const spanIdBytes = 8

/** The field `spans` of ScopeSpans, or `log_records` of ScopeLogs, with room for the ids that come first; two bytes are left for its length. */
export function openItem(writer: ProtobufWriter): number {
  ensure(writer, 48)
  writeByte(writer, 0x12)
  return openMessage(writer, 2)
}

/** Always there, as the package's serializer has it: an empty status says unset. */
export function writeStatus(writer: ProtobufWriter, code: number, message: string): void {
  ensure(writer, 8)
  writeByte(writer, 0x7a)
  if (code === 0 && message === '') {
    writeByte(writer, 0)
    return
  }
  const start = openMessage(writer, 1)
  writeTextField(writer, 0x12, message)
  ensure(writer, 6)
  writeCount(writer, 0x18, code)
  closeMessage(writer, start, 1)
}

/** The one field beyond 15, so its tag has two bytes. */
export function writeFlags(writer: ProtobufWriter, flags: number): void {
  if (flags === 0) return
  ensure(writer, 6)
  writeByte(writer, 0x85)
  writeByte(writer, 0x01)
  writeFixed32(writer, flags)
}

/** As {@link writeFlags}, of a link. */
export function writeLinkFlags(writer: ProtobufWriter, flags: number): void {
  if (flags === 0) return
  ensure(writer, 5)
  writeByte(writer, 0x35)
  writeFixed32(writer, flags)
}

export function writeTraceId(writer: ProtobufWriter, tag: number, { w0, w1, w2, w3 }: TraceId): void {
  writeByte(writer, tag)
  writeByte(writer, traceIdBytes)
  writeIdWord(writer, w0)
  writeIdWord(writer, w1)
  writeIdWord(writer, w2)
  writeIdWord(writer, w3)
}

export function writeSpanId(writer: ProtobufWriter, tag: number, high: number, low: number): void {
  writeByte(writer, tag)
  writeByte(writer, spanIdBytes)
  writeIdWord(writer, high)
  writeIdWord(writer, low)
}

const word = 2 ** 32
const block = 2 ** 20

/**
 * Epoch milliseconds as exact nanoseconds without BigInt; the arithmetic is explained at SpanRecord. Remainders are
 * taken by subtraction: `%` of doubles is a call into the C library.
 */
export function writeTime(writer: ProtobufWriter, tag: number, time: number): void {
  const ms = Math.floor(time)
  writeNanoseconds(writer, tag, ms, Math.round((time - ms) * 1e6))
}

/** The words of the time that {@link writeRepeatedTime} wrote last. */
const repeated = { time: Number.NaN, high: 0, low: 0 }

/** A time that many items in a row share. */
export function writeRepeatedTime(writer: ProtobufWriter, tag: number, time: number): void {
  if (time === repeated.time) {
    writeByte(writer, tag)
    writeFixed64(writer, repeated.high, repeated.low)
    return
  }
  const { at } = writer
  writeTime(writer, tag, time)
  repeated.time = time
  repeated.low = writer.view.getUint32(at + 1, true)
  repeated.high = writer.view.getUint32(at + 5, true)
}

/** `ms * 1e6 + ns`; `ns` up to 1e9. */
export function writeNanoseconds(writer: ProtobufWriter, tag: number, ms: number, ns: number): void {
  const blocks = Math.floor(ms / block)
  const high = blocks * 1e6
  const upper = Math.floor(high / 4096)
  const sum = (high - upper * 4096) * block + (ms - blocks * block) * 1e6 + ns
  const carry = Math.floor(sum / word)
  writeByte(writer, tag)
  writeFixed64(writer, upper + carry, sum - carry * word)
}

export function writeTextField(writer: ProtobufWriter, tag: number, text: string): void {
  if (text === '') return
  ensure(writer, 1)
  writeByte(writer, tag)
  writeText(writer, text)
}

/** A text that the program repeats. */
export function writeName(writer: ProtobufWriter, tag: number, name: string): void {
  const known = knownText(name)
  if (known === undefined || name === '') writeTextField(writer, tag, name)
  else writeKnownField(writer, tag, known)
}

/** Needs 6 bytes. */
export function writeCount(writer: ProtobufWriter, tag: number, count: number): void {
  if (count === 0) return
  writeByte(writer, tag)
  writeUint32(writer, count)
}
