import type { TelemetryEvent } from '../../../bus/event.ts'
import { cutText } from './attributes.ts'

/** A `traceparent` or a span kind is read when the span ends, however short an attribute must be. */
const readable = 64

/**
 * The fields of a start event as they are kept while its span is open: ids are compared whole, however long, but kept
 * not much longer than an attribute may be.
 */
export function keptFields({ fields, metadataStart }: TelemetryEvent, length: number): readonly unknown[] {
  let kept: unknown[] | undefined
  const limit = Math.max(length, readable)
  for (let i = metadataStart; i < fields.length; i += 2) {
    const value = fields[i + 1]
    if (typeof value !== 'string' || value.length <= limit) continue
    kept ??= fields.slice()
    kept[i + 1] = detached(cutText(value, limit))
  }
  return kept ?? fields
}

/** A copy: what `slice` gives keeps the whole text alive. */
const detached = (text: string): string => Buffer.from(text, 'utf16le').toString('utf16le')
