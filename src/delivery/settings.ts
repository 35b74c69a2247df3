import type { BreakerSettings, ExporterSettings } from '../../machines/index.ts'
import type { Config } from '../exporters/exporter.ts'
import type { QueueLimits } from './queue.ts'

/** How long past `timeout` a probe keeps its slot. */
const probeSlackMs = 1_000

/** A pull exporter has none of these keys: what it never uses gets the defaults of the others. */
const breakerSettings = (config: Config): BreakerSettings => ({
  failureThreshold: Number(config.failure_threshold ?? 5),
  resetTimeoutMs: Number(config.reset_timeout ?? 60) * 1000,
  initialResetTimeoutMs: Number(config.initial_reset_timeout ?? 1) * 1000,
  probeTimeoutMs: Number(config.timeout ?? 10) * 1000 + probeSlackMs,
})

/** What the charts have to know of an exporter's configuration. */
export const settingsOf = (config: Config): ExporterSettings => ({
  enabled: config.enabled !== false,
  drainTimeoutMs: Number(config.drain_timeout) * 1000,
  breaker: breakerSettings(config),
})

/** Parts of its memory that an exporter with a spool fills before it writes to disk: the rest is for what comes in meanwhile. */
const spilledAt = 0.75

/** What bounds an exporter's queue. `spills`: it writes to disk what memory has no room for. */
export const limitsOf = (config: Config, spills = false): QueueLimits => ({
  spillSize: Math.ceil(Number(config.queue_size) * (spills ? spilledAt : 1)),
  spillBytes: Number(config.queue_bytes) * (spills ? spilledAt : 1),
  queueSize: Number(config.queue_size),
  queueBytes: Number(config.queue_bytes),
  batchSize: Number(config.batch_size),
  maxRequestBytes: Number(config.max_request_bytes),
  overflow: config.overflow === 'drop_oldest' ? 'drop_oldest' : 'drop_newest',
})
