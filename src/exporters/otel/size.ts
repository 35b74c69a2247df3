import type { FlatAttributes, SpanRecord } from './span-record.ts'

// Upper bounds of what the encoder writes, tags and length prefixes included.
const fixedSpanBytes = 120
const fixedEventBytes = 32
const fixedLinkBytes = 56
const fixedAttributeBytes = 20
const numberBytes = 11
const nestedBytes = 6
const mostBytesPerUnit = 3
/** Up to here the bound is worth more than the pass over the strings that would make it exact. */
const cheapEnough = 32 * 1024

type TextSize = (text: string) => number

const bound: TextSize = (text) => text.length * mostBytesPerUnit
const exact: TextSize = (text) => Buffer.byteLength(text)

/**
 * At most how many bytes a span takes in a request. Cheap for a usual span, whose strings count three bytes per UTF-16
 * unit; strings of a large one are measured, so that no span is taken for too large when it is not.
 */
export function sizeOfSpan(span: SpanRecord): number {
  const size = spanSize(span, bound)
  return size <= cheapEnough ? size : spanSize(span, exact)
}

function spanSize(span: SpanRecord, text: TextSize): number {
  let size = fixedSpanBytes + text(span.name) + text(span.traceState) + text(span.statusMessage)
  size += attributesSize(span.attributes, text)
  for (const event of span.events) {
    size += fixedEventBytes + text(event.name) + attributesSize(event.attributes, text)
  }
  for (const link of span.links) {
    size += fixedLinkBytes + text(link.traceState) + attributesSize(link.attributes, text)
  }
  return size
}

function attributesSize(attributes: FlatAttributes, text: TextSize): number {
  let size = 0
  for (let i = 0; i < attributes.length; i += 2) {
    size += fixedAttributeBytes + text(attributes[i] as string) + valueSize(attributes[i + 1], text)
  }
  return size
}

/** Without the length prefix of the value itself. */
function valueSize(value: unknown, text: TextSize): number {
  if (typeof value === 'string') return nestedBytes + text(value)
  if (value instanceof Uint8Array) return nestedBytes + value.byteLength
  if (Array.isArray(value)) {
    let size = nestedBytes
    for (const element of value) size += nestedBytes + valueSize(element, text)
    return size
  }
  if (typeof value === 'object' && value !== null) {
    return nestedBytes + attributesSize(Object.entries(value).flat() as FlatAttributes, text)
  }
  return numberBytes
}
