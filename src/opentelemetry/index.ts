import { currentTraceparent as traceparentOf } from '../bus/traceparent.ts'
import { openTelemetryScopes } from './active-span.ts'

export type { ReadableSpan } from '../exporters/otel/readable-span.ts'
export { sdkSpanOf } from '../exporters/otel/sdk-span.ts'
export { type SpanExporter, type SpanExportResult, spanExporter } from './span-exporter.ts'

const scopes = openTelemetryScopes()

/** The `traceparent` of the innermost span around the caller, ours or an SDK's, for an outgoing request; undefined outside of spans. */
export const currentTraceparent = (): string | undefined => traceparentOf(scopes)
