import { createHash } from 'node:crypto'
import type { TelemetryEvent } from '../../../bus/event.ts'
import { cutText } from './attributes.ts'
import type { SpanKey } from './open-spans.ts'

/** A SHA-512 in hex has as many characters: no id this long is ever a key itself, so none can pass for a hash. */
const hashedFrom = 128

/**
 * What an event is paired by: `correlation_id`, or else `request_id`. Strings and finite numbers are ids (`0` is one,
 * `42` and `"42"` differ); an empty string, null, and anything else is none.
 */
export function spanKeyOf({ fields, metadataStart }: TelemetryEvent): SpanKey | undefined {
  let request: SpanKey | undefined
  for (let i = metadataStart; i < fields.length; i += 2) {
    const field = fields[i]
    if (field === 'correlation_id') {
      const key = asKey(fields[i + 1])
      if (key !== undefined) return key
    } else if (field === 'request_id') request = asKey(fields[i + 1])
  }
  return request
}

function asKey(id: unknown): SpanKey | undefined {
  if (typeof id === 'number') return Number.isFinite(id) ? id : undefined
  if (typeof id !== 'string' || id === '') return undefined
  if (id.length < hashedFrom) return id
  // UTF-16, because UTF-8 makes all lone surrogates the same.
  return createHash('sha512').update(id, 'utf16le').digest('hex')
}

/**
 * The fields of a start event as they are kept while its span is open: ids are compared whole, however long, but kept
 * no longer than an attribute may be.
 */
export function keptFields({ fields, metadataStart }: TelemetryEvent, length: number): readonly unknown[] {
  let kept: unknown[] | undefined
  for (let i = metadataStart; i < fields.length; i += 2) {
    const value = fields[i + 1]
    if (typeof value !== 'string' || value.length <= length) continue
    kept ??= fields.slice()
    kept[i + 1] = detached(cutText(value, length))
  }
  return kept ?? fields
}

/** A copy: what `slice` gives keeps the whole text alive. */
const detached = (text: string): string => Buffer.from(text, 'utf16le').toString('utf16le')
