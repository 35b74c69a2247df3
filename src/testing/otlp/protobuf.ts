import type { TelemetryError } from '../../errors.ts'
import type { Field, Message } from './messages.ts'
import { checkId, checkScalar, complete, deepestMessage, exact, isId, malformed, place } from './rules.ts'

/** The options of {@link decodeTraceRequest}. */
export interface ProtobufOptions {
  /** int64 values as bigints always, to tell them from doubles. Default: false. */
  readonly exactIntegers?: boolean
}

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Decodes `bytes` as one `message`; throws `OTLP_MALFORMED` at whatever opentelemetry-proto v1 does not know. */
export function decodeProtobuf(message: Message, bytes: Uint8Array, options: ProtobufOptions = {}): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { exactIntegers = false } = options
  let at = 0
  // The message being read, for error texts only.
  let inside = message
  let reading: Field | undefined

  const fail = (problem: string): TelemetryError =>
    malformed(reading ? `${inside.name}.${reading.name}` : inside.name, problem)

  // Exact up to 49 bits; longer values are read again as a bigint by `readInt64`.
  const readVarint = (end: number): number => {
    if (at < end && buffer[at]! < 0x80) return buffer[at++]!
    let value = 0
    for (let factor = 1; factor < 2 ** 49; factor *= 128) {
      if (at >= end) throw fail(`a varint is cut off at byte ${at}`)
      const byte = buffer[at++]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    return -1
  }

  const readInt64 = (end: number): number | bigint => {
    const start = at
    const short = readVarint(end)
    if (short >= 0) return exactIntegers ? BigInt(short) : short
    at = start
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      if (at >= end) throw fail(`a varint is cut off at byte ${at}`)
      const byte = buffer[at++]!
      if (shift === 63n && byte > 1) throw fail(`a varint at byte ${start} is longer than 64 bits`)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    const signed = BigInt.asIntN(64, value)
    return exactIntegers ? signed : exact(signed)
  }

  const readLength = (end: number): number => {
    const length = readVarint(end)
    if (length < 0 || length > end - at)
      throw fail(`at byte ${at} a length goes beyond the end of its message`)
    return length
  }

  const need = (size: number, end: number): number => {
    if (end - at < size) throw fail(`is cut off at byte ${at}`)
    at += size
    return at - size
  }

  const readString = (end: number): string => {
    const length = readLength(end)
    const text = buffer.toString('utf8', at, at + length)
    if (text.includes('\ufffd')) {
      try {
        strictText.decode(buffer.subarray(at, at + length))
      } catch {
        throw fail(`at byte ${at} a string is not UTF-8`)
      }
    }
    at += length
    return text
  }

  const readScalar = (field: Field, end: number): unknown => {
    const { type } = field
    if (isId(type)) {
      const length = readLength(end)
      at += length
      return checkId(fail, type, buffer.toString('hex', at - length, at))
    }
    switch (type) {
      case 'string':
        return readString(end)
      case 'bytes': {
        const length = readLength(end)
        at += length
        return new Uint8Array(buffer.subarray(at - length, at))
      }
      case 'bool': {
        const value = readVarint(end)
        if (value !== 0 && value !== 1) throw fail('is neither true nor false')
        return value === 1
      }
      case 'int64':
        return readInt64(end)
      case 'double':
        return buffer.readDoubleLE(need(8, end))
      case 'fixed64':
        return buffer.readBigUInt64LE(need(8, end))
      case 'count64':
        return exact(buffer.readBigUInt64LE(need(8, end)))
      case 'sfixed64':
        return exact(buffer.readBigInt64LE(need(8, end)))
      case 'uint64':
        return exact(BigInt.asUintN(64, BigInt(readInt64(end))))
      case 'sint32': {
        const zigzag = readVarint(end)
        if (zigzag < 0 || zigzag > 0xffffffff) throw fail('does not fit 32 bits')
        return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
      }
      case 'fixed32':
        return buffer.readUInt32LE(need(4, end))
      default:
        return checkScalar(fail, type as Field['type'], readVarint(end))
    }
  }

  const readPacked = (field: Field, end: number): unknown[] => {
    const values: unknown[] = []
    while (at < end) values.push(readScalar(field, end))
    return values
  }

  const readMessage = (of: Message, end: number, depth: number): unknown => {
    if (depth > deepestMessage) throw malformed(of.name, `nested deeper than ${deepestMessage}`)
    const into = of.create()
    let seen = 0
    while (at < end) {
      const start = at
      inside = of
      reading = undefined
      const tag = readVarint(end)
      const field = tag < 0 ? undefined : of.fields[Math.floor(tag / 8)]
      if (!field) throw malformed(of.name, `unknown field ${Math.floor(tag / 8)} at byte ${start}`)
      reading = field
      if ((tag & 7) !== wireType(field)) throw fail(`at byte ${start} wire type ${tag & 7}`)
      let value: unknown
      if (field.many === 'packed') {
        const length = readLength(end)
        value = readPacked(field, at + length)
      } else if (typeof field.type === 'string') value = readScalar(field, end)
      else {
        const length = readLength(end)
        value = readMessage(field.type, at + length, depth + 1)
      }
      seen = place(of, field, into, value, seen)
    }
    return complete(of, into)
  }

  return readMessage(message, buffer.length, 0)
}

const wireTypes: Readonly<Record<string, number>> = {
  ...{ bool: 0, int64: 0, uint32: 0, uint64: 0, sint32: 0 },
  ...{ kind: 0, statusCode: 0, temporality: 0, severityNumber: 0 },
  ...{ double: 1, fixed64: 1, count64: 1, sfixed64: 1, fixed32: 5 },
}

const wireType = ({ type, many }: Field): number =>
  typeof type === 'string' && many !== 'packed' ? (wireTypes[type] ?? 2) : 2

/** Counts the occurrences of the message at the end of `path`, checking no more than the framing on the way. */
export function countField(message: Message, bytes: Uint8Array, path: readonly string[]): number {
  let at = 0

  const varint = (end: number): number => {
    let value = 0
    for (let factor = 1; factor < 2 ** 49 && at < end; factor *= 128) {
      const byte = bytes[at++]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    throw malformed(message.name, `a varint is cut off or too long at byte ${at}`)
  }

  const count = (of: Message, end: number, level: number): number => {
    let found = 0
    while (at < end) {
      const tag = varint(end)
      const field = of.fields[Math.floor(tag / 8)]
      // Down to the spans or log records all fields of these messages are length-delimited.
      if (!field || (tag & 7) !== 2) throw malformed(of.name, `unknown field ${Math.floor(tag / 8)}`)
      const length = varint(end)
      const next = at + length
      if (next > end) throw malformed(`${of.name}.${field.name}`, 'goes beyond the end of its message')
      if (field.name === path[level]) {
        const last = level === path.length - 1
        found += last || typeof field.type === 'string' ? 1 : count(field.type, next, level + 1)
      }
      at = next
    }
    return found
  }

  return count(message, bytes.length, 0)
}
