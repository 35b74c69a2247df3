export { createBackend } from './backend/backend.ts'
export type { Backend, BackendOptions, BackendStats } from './backend/contract.ts'
export type { ConnectionFault, Fault, FaultOptions, RequestFault, When } from './backend/faults.ts'
export { type MetricTotal, metricTotals, type ReceivedPoint } from './backend/points.ts'
export type { BackendRequest, ReceivedLogRecord, ReceivedSpan } from './backend/request.ts'
export { exporterConformance } from './conformance/conformance.ts'
export type {
  ConformanceEvent,
  ConformanceOptions,
  ConformancePath,
  ConformanceTable,
} from './conformance/contract.ts'
export {
  assertCovered,
  type Coverage,
  type CoveredOptions,
  createCoverage,
  statesOf,
  transitionsOf,
} from './coverage.ts'
export {
  createEar,
  createFakeSpool,
  createFakeUnit,
  type FakeUnit,
  type FakeUnitOptions,
} from './fake-unit.ts'
export { type FollowOptions, followModel, type ModelCase, type World } from './follow-model.ts'
export { type ChartPath, type FollowPathOptions, followPath } from './follow-path.ts'
export { breakerModel, breakerModelThreshold, breakerProjection } from './models/breaker.ts'
export { lifecycleModel } from './models/lifecycle.ts'
export { type LifecycleWorldOptions, lifecycleWorld } from './models/lifecycle-world.ts'
export { type RebuildContext, rebuildModel, rebuildProjection } from './models/rebuild.ts'
export { shutdownBacklog, shutdownModel } from './models/shutdown.ts'
export type {
  DecodedLogRecord,
  DecodedLogsRequest,
  DecodedResourceLogs,
  DecodedScopeLogs,
} from './otlp/log-messages.ts'
export type {
  DecodedAttributes,
  DecodedResource,
  DecodedScope,
  DecodedValue,
} from './otlp/messages.ts'
export type {
  DecodedExemplar,
  DecodedExponentialBuckets,
  DecodedExponentialHistogramPoint,
  DecodedHistogramPoint,
  DecodedMetric,
  DecodedMetricsRequest,
  DecodedNumberPoint,
  DecodedPoint,
  DecodedResourceMetrics,
  DecodedScopeMetrics,
  DecodedTemporality,
} from './otlp/metrics-messages.ts'
export type { ProtobufOptions } from './otlp/protobuf.ts'
export type {
  DecodedLink,
  DecodedResourceSpans,
  DecodedScopeSpans,
  DecodedSpan,
  DecodedSpanEvent,
  DecodedTraceRequest,
} from './otlp/trace-messages.ts'
export {
  countLogRecords,
  countSpans,
  decodeLogsRequest,
  decodeLogsRequestJson,
  decodeMetricsRequest,
  decodeMetricsRequestJson,
  decodeTraceRequest,
  decodeTraceRequestJson,
} from './otlp-decode.ts'
export { type BreakerPresetOptions, breakerPreset } from './presets/breaker.ts'
export { deliveryPreset } from './presets/delivery.ts'
export { type ExporterPresetOptions, exporterPreset } from './presets/exporter.ts'
export { failoverPreset } from './presets/failover.ts'
export type { ChartPreset, PresetOptions, PresetTraversal } from './presets/preset.ts'
export { spoolPreset } from './presets/spool.ts'
export { type SystemPresetOptions, systemPreset } from './presets/system.ts'
export type { SimulatedClock, SimulatedClockOptions, UntilOptions } from './simulated.ts'
export { createSimulatedClock } from './simulated.ts'
