import { messageOf } from '../../errors.ts'
import type { Field, Message } from './messages.ts'
import { checkId, checkScalar, complete, deepestMessage, exact, isId, malformed, place } from './rules.ts'

/**
 * Decodes OTLP/JSON text as one `message`: ids in hex, 64-bit integers as decimal strings or numbers, enums as
 * numbers. Unlike a collector, which has to ignore what it does not know, it throws `OTLP_MALFORMED` there.
 */
export function decodeJson(message: Message, text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw malformed(message.name, messageOf(error))
  }
  return readMessage(message, value, message.name, 0)
}

function readMessage(of: Message, value: unknown, where: string, depth: number): unknown {
  if (depth > deepestMessage) throw malformed(where, `nested deeper than ${deepestMessage}`)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(where, 'is not an object')
  const into = of.create()
  let seen = 0
  for (const [name, held] of Object.entries(value)) {
    const field = of.fields.find((each) => each?.name === name)
    if (!field) throw malformed(where, `unknown field ${JSON.stringify(name)}`)
    // ProtoJSON: null is an absent field.
    if (held === null) continue
    const inner = `${of.name}.${name}`
    if (field.many && !Array.isArray(held)) throw malformed(inner, 'is not an array')
    for (const each of field.many ? (held as unknown[]) : [held]) {
      const read =
        typeof field.type === 'string'
          ? readScalar(field, each, inner)
          : readMessage(field.type, each, inner, depth + 1)
      seen = place(of, field, into, read, seen)
    }
  }
  return complete(of, into)
}

function readScalar(field: Field, value: unknown, where: string): unknown {
  const { type } = field
  const fail = (problem: string) => malformed(where, problem)
  switch (type) {
    case 'bool':
      if (typeof value !== 'boolean') throw malformed(where, 'is not a boolean')
      return value
    case 'double':
      return readDouble(value, where)
    case 'fixed64':
      return readInteger64(value, where, BigInt.asUintN)
    case 'count64':
    case 'uint64':
      return exact(readInteger64(value, where, BigInt.asUintN))
    case 'int64':
    case 'sfixed64':
      return exact(readInteger64(value, where, BigInt.asIntN))
    case 'sint32': {
      const whole = Number(readInteger(value, where))
      if (whole !== (whole | 0)) throw malformed(where, 'does not fit 32 bits')
      return whole
    }
    case 'uint32':
    case 'fixed32':
      return checkScalar(fail, type, Number(readInteger(value, where)))
    case 'kind':
    case 'statusCode':
    case 'temporality':
    case 'severityNumber':
      if (typeof value !== 'number') throw malformed(where, 'is not a number, as OTLP/JSON wants its enums')
      return checkScalar(fail, type, value)
    default:
      if (typeof value !== 'string') throw malformed(where, 'is not a string')
      if (isId(type)) {
        if (!/^[0-9a-f]*$/i.test(value)) throw malformed(where, 'is not hex')
        return checkId(fail, type, value.toLowerCase())
      }
      return type === 'bytes' ? readBase64(value, where) : value
  }
}

function readInteger(value: unknown, where: string): bigint {
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt(value)
  if (Number.isInteger(value)) return BigInt(value as number)
  throw malformed(where, 'is not an integer')
}

function readInteger64(
  value: unknown,
  where: string,
  wrapped: (bits: number, whole: bigint) => bigint,
): bigint {
  const whole = readInteger(value, where)
  if (wrapped(64, whole) !== whole) throw malformed(where, 'does not fit 64 bits')
  return whole
}

function readDouble(value: unknown, where: string): number {
  if (typeof value === 'number') return value
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value)
  if (typeof value === 'string' && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value)) return Number(value)
  throw malformed(where, 'is not a number')
}

function readBase64(value: string, where: string): Uint8Array {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) throw malformed(where, 'is not base64')
  return new Uint8Array(Buffer.from(value, 'base64'))
}
