export type { BreakerState, ExporterState } from '../machines/states.ts'
export type { BusStatus } from './bus/bus.ts'
export type { BusDropReason } from './bus/contract.ts'
export {
  ErrorSnapshot,
  measurementValue,
  metadataValue,
  type SpanScope,
  type TelemetryEvent,
} from './bus/event.ts'
export { glob } from './bus/glob.ts'
export type { Handler, HandlerOptions, HandlerStatus } from './bus/handlers.ts'
export type { SanitizedCounts, SanitizedKind } from './bus/sanitize-value.ts'
export type { Span, SpanHandle, StartedSpan, StartSpan } from './bus/span.ts'
export type { AnyEvents, EventMap, TypedEmit } from './bus/typed.ts'
export type { SystemClock } from './clock.ts'
export { type Clock, createSystemClock } from './clock.ts'
export type { ValueChange } from './config/changes/plan.ts'
export type { PutResult } from './config/changes/transactions.ts'
export type { ConfigOptions } from './config/contract.ts'
export type { Explanation } from './config/explain.ts'
export type { SystemConfig } from './config/keys.ts'
export type { LayerName, Source } from './config/layers.ts'
export type { ConfigStatus } from './config/reporting/reports.ts'
export type { Subscriber } from './config/reporting/subscribers.ts'
export type { ConfigOutcome, ConfigSource, SourceStatus } from './config/sources/source.ts'
export type { JsonSchema } from './config/value-schemas.ts'
export type {
  BreakerControl,
  FlushOptions,
  FlushReport,
  StopReport,
  Telemetry,
  TelemetryConfig,
  TelemetryOptions,
} from './contract.ts'
export type { ExporterPicture, SystemPicture } from './control/control.ts'
export type { ControlListener, ControlRecord } from './control/observe.ts'
export type { HistoryEntry } from './control/recorder.ts'
export { type Breaker, type BreakerOptions, createBreaker, type Permit } from './delivery/breaker.ts'
export type { LastError } from './delivery/error-log.ts'
export type { LedgerStatus } from './delivery/ledger.ts'
export type { SpoolStatus } from './delivery/spool/status.ts'
export type { TelemetryErrorCode } from './error-codes.ts'
export { type ConfigProblem, TelemetryConfigError, TelemetryError } from './errors.ts'
export { builtInTypes } from './exporters/built-in.ts'
export type { ApiKeyAnswer, ApiKeyFunction } from './exporters/datadog/api-key.ts'
export { type DatadogOptions, datadog } from './exporters/datadog/index.ts'
export type { DatadogSchema } from './exporters/datadog/schema.ts'
export { type DropReason, dropReasons } from './exporters/drop-reasons.ts'
export {
  type AnyExporterDefinition,
  defineExporter,
  type ExportContext,
  type ExporterContext,
  type ExporterDefinition,
  type OpenContext,
  type PullExporterDefinition,
  type Sink,
} from './exporters/exporter.ts'
export type {
  HeadersAnswer,
  HeadersFunction,
  HeadersReason,
  HeadersRequest,
} from './exporters/http/headers-function.ts'
export {
  type JetStreamLogsSchema,
  type JetStreamMetricsSchema,
  type JetStreamSchema,
  jetstream,
  jetstreamLogs,
  jetstreamMetrics,
} from './exporters/jetstream/index.ts'
export type * from './exporters/key.ts'
export type { MockClient, MockConfig, MockConfigChange, MockSchema, MockState } from './exporters/mock.ts'
export { type MockExporter, type MockOptions, mock } from './exporters/mock.ts'
export { type OtelOptions, otel } from './exporters/otel/index.ts'
export type { OtelSchema } from './exporters/otel/schema.ts'
export { otelLogs } from './exporters/otel-logs/index.ts'
export type { OtelLogsSchema } from './exporters/otel-logs/schema.ts'
export { type OtelMetricsOptions, otelMetrics } from './exporters/otel-metrics/index.ts'
export type { OtelMetricsSchema } from './exporters/otel-metrics/settings.ts'
export type { Outcome } from './exporters/outcome.ts'
export { type PrometheusOptions, prometheus } from './exporters/prometheus/index.ts'
export type { PrometheusSchema } from './exporters/prometheus/settings.ts'
export type * from './exporters/typed-config.ts'
export type { InspectionObserver, InspectionRecord, InspectionTarget } from './inspection.ts'
export type { Logger } from './logger.ts'
export type {
  DeclaredMetric,
  DistributionOptions,
  GaugeRule,
  LastValueOptions,
  MeasuredOptions,
  MetricOptions,
  MetricType,
  SumOptions,
  Unit,
} from './metrics/declared.ts'
export { counter, distribution, lastValue, sum } from './metrics/declared.ts'
export type { MetricTable } from './metrics/tables.ts'
export { metricsHandler } from './metrics-handler.ts'
export type { EndpointStatus, ExporterStatus, SystemState, TelemetryStatus } from './status.ts'
export { createTelemetry } from './telemetry.ts'
export type * from './typed-init.ts'
export type { Wrap, WrapOptions, WrappableHandler, WrappedHandler } from './wrap.ts'
