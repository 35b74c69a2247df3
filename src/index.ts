export type { BusStatus } from './bus/bus.ts'
export {
  ErrorSnapshot,
  measurementValue,
  metadataValue,
  type SpanScope,
  type TelemetryEvent,
} from './bus/event.ts'
export { glob } from './bus/glob.ts'
export type { Handler, HandlerOptions, HandlerStatus } from './bus/handlers.ts'
export type { Span, SpanHandle, StartedSpan, StartSpan } from './bus/span.ts'
export type { AnyEvents, EventMap, TypedEmit } from './bus/typed.ts'
export { type Clock, createSystemClock } from './clock.ts'
export type { PutResult } from './config/changes/transactions.ts'
export type { ConfigOptions, ConfigSource, ConfigStatus } from './config/contract.ts'
export type { Explanation } from './config/presentation/explain.ts'
export type { Subscriber } from './config/presentation/subscribers.ts'
export type {
  BreakerControl,
  FlushOptions,
  FlushReport,
  StopReport,
  Telemetry,
  TelemetryConfig,
  TelemetryOptions,
} from './contract.ts'
export type { SystemPicture } from './control/control.ts'
export type { ControlListener, ControlRecord } from './control/observe.ts'
export type { BreakerState, ExporterState } from './control/states.ts'
export { type Breaker, type BreakerOptions, createBreaker, type Permit } from './delivery/breaker.ts'
export { type DropReason, dropReasons, type LedgerStatus } from './delivery/ledger.ts'
export type { Outcome } from './delivery/outcome.ts'
export { type ConfigProblem, TelemetryConfigError, TelemetryError } from './errors.ts'
export { builtInTypes } from './exporters/built-in.ts'
export { type DatadogOptions, datadog } from './exporters/datadog/index.ts'
export {
  type AnyExporterDefinition,
  type Change,
  type Config,
  defineExporter,
  type EcosystemVariable,
  type ExportContext,
  type ExporterContext,
  type ExporterDefinition,
  type KeySchema,
  type OpenContext,
  type Sink,
} from './exporters/exporter.ts'
export { type MockExporter, type MockOptions, mock } from './exporters/mock.ts'
export { otel } from './exporters/otel/index.ts'
export { metricsHandler, type PrometheusOptions, prometheus } from './exporters/prometheus/index.ts'
export type { InspectionObserver, InspectionRecord, InspectionTarget } from './inspection.ts'
export type { Logger } from './logger.ts'
export { counter, distribution, lastValue, sum } from './metrics/declared.ts'
export type { ExporterStatus, TelemetryStatus } from './status.ts'
export { createTelemetry } from './telemetry.ts'
