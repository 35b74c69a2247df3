import { currentTraceparent as traceparentOf } from '../bus/traceparent.ts'
import { openTelemetryScopes } from './active-span.ts'

export type { ReadableSpan } from '../exporters/otel/readable-span.ts'
export { sdkSpanOf } from '../exporters/otel/sdk-span.ts'
export { type SpanExporter, type SpanExportResult, spanExporter } from './span-exporter.ts'

const scopes = openTelemetryScopes()

/**
 * Returns the `traceparent` of the innermost span around the caller, of telemachine or of an SDK, for an outgoing
 * request. Undefined outside of spans.
 */
export const currentTraceparent = (): string | undefined => traceparentOf(scopes)
