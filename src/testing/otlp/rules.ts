import { TelemetryError } from '../../errors.ts'
import type { Field, Message } from './messages.ts'

/** Collector and protobuf implementations stop at 100 too; it also keeps hostile input from the stack's end. */
export const deepestMessage = 100

/** An error of the code `OTLP_MALFORMED`. */
export const malformed = (where: string, problem: string): TelemetryError =>
  new TelemetryError('OTLP_MALFORMED', `${where}: ${problem}`)

/** Makes the error that says `problem` of what is being read. */
export type Fail = (problem: string) => TelemetryError

/** Puts what was read of `field` in place; `seen` has a bit for each field number met so far. */
export function place(
  message: Message,
  field: Field,
  into: Record<string, unknown>,
  value: unknown,
  seen: number,
): number {
  if (field.many === 'list') {
    ;(into[field.name] as unknown[]).push(value)
    return seen
  }
  if (field.many === 'packed') {
    const held = into[field.name] as unknown[]
    if (Array.isArray(value)) for (const each of value) held.push(each)
    else held.push(value)
    return seen
  }
  if (field.many === 'attributes') {
    const { key, value: held } = value as { key: string; value: unknown }
    const attributes = into[field.name] as Record<string, unknown>
    if (Object.hasOwn(attributes, key))
      throw malformed(message.name, `the key ${JSON.stringify(key)} occurs twice`)
    if (key === '__proto__')
      Object.defineProperty(attributes, key, {
        value: held,
        enumerable: true,
        configurable: true,
        writable: true,
      })
    else attributes[key] = held
    return seen
  }
  const bit = 1 << field.number
  if (message.oneof ? seen !== 0 : seen & bit)
    throw malformed(`${message.name}.${field.name}`, message.oneof ? 'a second value' : 'occurs twice')
  into[message.oneof ? 'value' : field.name] = value
  return seen | bit
}

/** Completes a decoded message after its last field. */
export function complete(message: Message, into: Record<string, unknown>): unknown {
  if (message.oneof) return into.value ?? null
  if (message.only) return into[message.only]
  for (const name of message.required ?? [])
    if (into[name] === '') throw malformed(`${message.name}.${name}`, 'is missing')
  return into
}

/** A number where that is exact. */
export function exact(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** Largest values of enums. */
const maxima: Readonly<Record<string, number>> = {
  kind: 5,
  statusCode: 2,
  temporality: 2,
  severityNumber: 24,
}

/** Checks the values that a scalar's wire type alone would let through. */
export function checkScalar(fail: Fail, type: Field['type'], value: number): number {
  const most = maxima[type as string] ?? 0xffffffff
  if (!(Number.isInteger(value) && value >= 0 && value <= most))
    throw fail(`${value} is not between 0 and ${most}`)
  return value
}

const idBytes = { traceId: 16, spanId: 8, parentSpanId: 8 } as const

export type IdType = keyof typeof idBytes

export const isId = (type: Field['type']): type is IdType =>
  type === 'traceId' || type === 'spanId' || type === 'parentSpanId'

/** Checks an id given as hex. A parent may be empty; no id may be all zeros. */
export function checkId(fail: Fail, type: IdType, hex: string): string {
  if (hex === '' && type === 'parentSpanId') return hex
  if (hex.length !== idBytes[type] * 2) throw fail(`is not ${idBytes[type]} bytes long`)
  if (/^0*$/.test(hex)) throw fail('is all zeros')
  return hex
}
