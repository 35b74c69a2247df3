import type { FlatAttributes, SpanRecord } from '../span-record.ts'

/** Above this an estimate is not good enough: strings are measured instead. */
const roughUpTo = 2048
const spanBytes = 128
const attributeBytes = 24

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
