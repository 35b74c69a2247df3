import type { ReadableSpan } from '../readable-span.ts'
import { isRestored } from '../restored-item.ts'
import { isEncoded, isSdkSpan, type SpanItem } from '../span-item.ts'
import type { FlatAttributes, SpanRecord } from '../span-record.ts'

/** Above this an estimate is not good enough: strings are measured instead. */
const roughUpTo = 2048
const spanBytes = 128
const attributeBytes = 24

/** {@link sizeOfSpan} of whatever the queue holds. */
export function sizeOfItem(item: SpanItem): number {
  if (isEncoded(item) || isRestored(item)) return item.end - item.start
  return isSdkSpan(item) ? sizeOfSdkSpan(item) : sizeOfSpan(item)
}

/** Bytes of a span on the wire: never less than it takes, close to it where it matters. */
export function sizeOfSpan(span: SpanRecord): number {
  const rough = measure(span, utf8AtMost)
  return rough <= roughUpTo ? rough : measure(span, Buffer.byteLength)
}

/** A UTF-16 code unit takes at most three bytes. */
const utf8AtMost = (text: string): number => text.length * 3

function measure(span: SpanRecord, textBytes: (text: string) => number): number {
  let size = spanBytes + textBytes(span.name) + textBytes(span.statusMessage) + textBytes(span.traceState)
  size += attributesSize(span.attributes, textBytes)
  for (const event of span.events)
    size += spanBytes + textBytes(event.name) + attributesSize(event.attributes, textBytes)
  for (const link of span.links)
    size += spanBytes + textBytes(link.traceState) + attributesSize(link.attributes, textBytes)
  return size
}

function attributesSize(attributes: FlatAttributes, textBytes: (text: string) => number): number {
  let size = attributes.length * (attributeBytes / 2)
  for (const part of attributes) {
    if (typeof part === 'string') size += textBytes(part)
    else if (typeof part === 'object')
      for (const item of part) size += attributeBytes + (typeof item === 'string' ? textBytes(item) : 0)
  }
  return size
}

function sizeOfSdkSpan(span: ReadableSpan): number {
  const text = (value: string | undefined): number => (value ? Buffer.byteLength(value) : 0)
  let size = spanBytes + text(span.name) + text(span.status.message)
  size += text(span.spanContext().traceState?.serialize()) + sizeOfValue(span.attributes)
  for (const { name, attributes } of span.events) size += spanBytes + text(name) + sizeOfValue(attributes)
  for (const { context, attributes } of span.links)
    size += spanBytes + text(context.traceState?.serialize()) + sizeOfValue(attributes)
  return size
}

function sizeOfValue(value: unknown): number {
  if (typeof value === 'string') return attributeBytes + Buffer.byteLength(value)
  if (value instanceof Uint8Array) return attributeBytes + value.length
  if (Array.isArray(value))
    return value.reduce<number>((sum, each) => sum + sizeOfValue(each), attributeBytes)
  if (typeof value !== 'object' || value === null) return attributeBytes
  let size = attributeBytes
  for (const [key, each] of Object.entries(value))
    size += attributeBytes + Buffer.byteLength(key) + sizeOfValue(each)
  return size
}
