import type { BreakerSettings, ExporterSettings } from '../../machines/index.ts'
import type { AnyExporterDefinition, Config } from '../exporters/exporter.ts'
import { endpointsOf } from './endpoints.ts'
import type { QueueLimits } from './queue.ts'

/** How long past `timeout` a probe keeps its slot. */
const probeSlackMs = 1_000

/** Where another endpoint can take over, one wave of failures is enough: after a timeout, a second wave costs another. */
function failureThreshold(config: Config, endpoints: number): number {
  const threshold = Number(config.failure_threshold ?? 5)
  return endpoints === 1 ? threshold : Math.min(threshold, Number(config.max_in_flight ?? threshold))
}

/** A pull exporter has none of these keys: what it never uses gets the defaults of the others. */
const breakerSettings = (config: Config, endpoints: number): BreakerSettings => ({
  failureThreshold: failureThreshold(config, endpoints),
  resetTimeoutMs: Number(config.reset_timeout ?? 60) * 1000,
  initialResetTimeoutMs: Number(config.initial_reset_timeout ?? 1) * 1000,
  probeTimeoutMs: Number(config.timeout ?? 10) * 1000 + probeSlackMs,
})

/** Returns the part of an exporter's configuration that its charts use. */
export const settingsOf = (
  definition: Pick<AnyExporterDefinition, 'schema'>,
  config: Config,
): ExporterSettings => {
  const endpoints = endpointsOf(definition, config).length
  return {
    enabled: config.enabled !== false,
    drainTimeoutMs: Number(config.drain_timeout) * 1000,
    endpoints,
    breaker: breakerSettings(config, endpoints),
  }
}

/** Parts of its memory that an exporter with a spool fills before it writes to disk: the rest is for what comes in meanwhile. */
const spilledAt = 0.75

/** Returns the bounds of an exporter's queue. `spills`: it writes to disk what memory has no room for. */
export const limitsOf = (config: Config, spills = false): QueueLimits => ({
  spillSize: Math.ceil(Number(config.queue_size) * (spills ? spilledAt : 1)),
  spillBytes: Number(config.queue_bytes) * (spills ? spilledAt : 1),
  queueSize: Number(config.queue_size),
  queueBytes: Number(config.queue_bytes),
  batchSize: Number(config.batch_size),
  maxRequestBytes: Number(config.max_request_bytes),
  overflow: config.overflow === 'drop_oldest' ? 'drop_oldest' : 'drop_newest',
})
