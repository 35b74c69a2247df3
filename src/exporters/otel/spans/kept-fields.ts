import type { TelemetryEvent } from '../../../bus/event.ts'
import { cutText } from './attributes.ts'

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
