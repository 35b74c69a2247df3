export { type JetStreamLogsSchema, jetstreamLogs } from './logs.ts'
export { type JetStreamMetricsSchema, jetstreamMetrics } from './metrics.ts'
export { type JetStreamSchema, jetstream } from './spans.ts'
