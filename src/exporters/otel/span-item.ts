import { type EncodedItem, encoded } from './encoded-item.ts'
import type { ReadableSpan } from './readable-span.ts'
import type { RestoredItem } from './restored-item.ts'
import type { SpanRecord } from './span-record.ts'

/**
 * An item in the queue of an otel exporter: a span of our own, encoded for `client = "native"` and as a record for
 * `client = "package"` (each client takes both: the key may change while they wait), one that an OpenTelemetry SDK has
 * finished, or one that was read from disk.
 */
export type SpanItem = EncodedItem | SpanRecord | ReadableSpan | RestoredItem

export const isEncoded = (item: SpanItem): item is EncodedItem => encoded in item

export const isSdkSpan = (item: SpanItem): item is ReadableSpan => 'spanContext' in item
