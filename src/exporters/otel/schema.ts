import type { ConfigOf, ExporterSchema } from '../exporter.ts'
import { exporterKeys, pushKeys } from '../keys.ts'
import { common, connectionKeys, resourceKeys } from './connection-keys.ts'
import { limitKeys } from './limit-keys.ts'
import { traces } from './signal.ts'
import {
  milliseconds,
  protocolVariables,
  samplerArgument,
  samplingRate,
  sdkDisabled,
  signalExporter,
  wholeNumber,
} from './variables.ts'

/** The keys of the otel exporter, beside those that every exporter has. */
export const otelSchema = {
  enabled: common(
    exporterKeys.enabled,
    { name: 'OTEL_SDK_DISABLED', read: sdkDisabled },
    { name: 'OTEL_TRACES_EXPORTER', read: signalExporter(traces) },
  ),
  queue_size: common(pushKeys.queue_size, { name: 'OTEL_BSP_MAX_QUEUE_SIZE', read: wholeNumber }),
  batch_size: common(pushKeys.batch_size, { name: 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', read: wholeNumber }),
  flush_interval: common(pushKeys.flush_interval, { name: 'OTEL_BSP_SCHEDULE_DELAY', read: milliseconds }),
  ...connectionKeys(traces, 'OTEL_BSP_EXPORT_TIMEOUT'),
  client: {
    format: ['native', 'package'],
    default: 'native',
    change: 'rebuild',
    doc: "`native` sends with exact outcomes; `package` uses OpenTelemetry's own OTLPTraceExporter. That hides which of 429, 502, 503 and 504 was answered, Retry-After and partial success (rejected spans count as delivered), and retries by itself within timeout, so one attempt of ours may be several requests.",
    env: protocolVariables(traces),
  },
  ...resourceKeys,
  sampling_rate: {
    format: 'number',
    default: 1,
    min: 0,
    max: 1,
    change: 'hot',
    doc: 'Share of traces that are kept; the trace id decides which. If the parent is remote, its sampled flag decides instead.',
    env: [
      { name: 'OTEL_TRACES_SAMPLER', read: samplingRate },
      { name: 'OTEL_TRACES_SAMPLER_ARG', read: samplerArgument },
    ],
  },
  max_active_spans: {
    format: 'integer',
    default: 10_000,
    min: 1,
    max: 10_000_000,
    unit: 'spans',
    change: 'hot',
    doc: 'Largest number of open spans; beyond it the oldest is dropped (`span_limit`).',
  },
  span_ttl: {
    format: 'seconds',
    default: 300,
    min: 0.001,
    max: 31_536_000,
    unit: 's',
    change: 'hot',
    doc: 'How long a span may be open; then it is dropped (`expired`).',
  },
  ...limitKeys('span', 'SPAN'),
} as const satisfies ExporterSchema

/** The configuration keys of the exporter type `otel`. */
export type OtelSchema = typeof otelSchema

/** The configuration of an otel exporter. */
export type OtelConfig = ConfigOf<OtelSchema>
