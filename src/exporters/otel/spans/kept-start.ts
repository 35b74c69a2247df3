import type { TelemetryEvent } from '../../../bus/event.ts'
import { cutText } from './attributes.ts'
import type { StartEvent } from './open-span.ts'

/** A `traceparent` or a span kind is read when the span ends, however short an attribute must be. */
const readable = 64

/**
 * A start event as it is kept while its span is open: ids are compared whole, however long, but kept not much longer
 * than an attribute may be.
 */
export function keptStart(event: TelemetryEvent, length: number): StartEvent {
  const { fields, metadataStart } = event
  let kept: unknown[] | undefined
  const limit = Math.max(length, readable)
  for (let i = metadataStart; i < fields.length; i += 2) {
    const value = fields[i + 1]
    if (typeof value !== 'string' || value.length <= limit) continue
    kept ??= fields.slice()
    kept[i + 1] = detached(cutText(value, limit))
  }
  return kept === undefined ? event : { fields: kept, metadataStart, time: event.time }
}

/** A copy: what `slice` gives keeps the whole text alive. */
const detached = (text: string): string => Buffer.from(text, 'utf16le').toString('utf16le')
