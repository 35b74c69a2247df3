import type { ExporterDefinition, KeySchema } from './exporter.ts'
import type { CommonConfig, PushConfig } from './typed-config.ts'

const hot = 'hot' as const

/** Keys of every exporter, whatever its type. */
export const exporterKeys: Readonly<Record<keyof CommonConfig, KeySchema>> = {
  enabled: {
    format: 'boolean',
    default: true,
    change: hot,
    doc: 'Whether the exporter runs. Disabling it sends pending events within drain_timeout, and then closes the client. A disabled exporter gets no events.',
  },
  event_patterns: {
    format: 'patterns',
    default: ['*'],
    change: hot,
    doc: 'Shell globs of the names of events that the exporter gets. An event that several globs match arrives once.',
  },
  open_timeout: {
    format: 'seconds',
    default: 10,
    min: 0.001,
    max: 3600,
    unit: 's',
    change: hot,
    doc: 'How long opening a client may take.',
  },
  drain_timeout: {
    format: 'seconds',
    default: 5,
    min: 0,
    max: 3600,
    unit: 's',
    change: hot,
    doc: 'How long a disabled or removed exporter, or a replaced client, may take to send what it has.',
  },
}

/** Keys of every exporter that pushes batches (its definition has `export`). */
export const pushKeys: Readonly<Record<keyof PushConfig, KeySchema>> = {
  queue_size: {
    format: 'integer',
    default: 100_000,
    min: 1,
    max: 10_000_000,
    unit: 'items',
    change: hot,
    doc: 'Number of items that may wait for delivery. The queue is full when it reaches this or queue_bytes, whichever comes first.',
  },
  queue_bytes: {
    format: 'integer',
    default: 64 * 1024 * 1024,
    min: 65_536,
    max: 1024 * 1024 * 1024 * 1024,
    unit: 'bytes',
    change: hot,
    doc: 'Size of the items that may wait for delivery. The queue is full when it reaches this or queue_size, whichever comes first.',
  },
  batch_size: {
    format: 'integer',
    default: 512,
    min: 1,
    max: 1_000_000,
    unit: 'items',
    change: hot,
    doc: 'A batch is sent when this many items wait; it never has more.',
  },
  flush_interval: {
    format: 'seconds',
    default: 1,
    min: 0,
    max: 3600,
    unit: 's',
    change: hot,
    doc: 'A batch is sent when its oldest item has waited this long, even if it is not full.',
  },
  overflow: {
    format: ['drop_newest', 'drop_oldest'],
    default: 'drop_newest',
    change: hot,
    doc: 'Which events a full queue drops; they are counted `queue_full`.',
  },
  spool: {
    format: 'spool',
    default: null,
    nullable: true,
    change: hot,
    doc: 'Keeps events on disk that do not fit into memory, or all that are not delivered in time, so that they survive the process: a table of `directory`, `mode` (`overflow`, `always`), `max_bytes` and `fsync` (`batch`, `interval`). A string sets the directory. See docs/spool.md.',
  },
  max_in_flight: {
    format: 'integer',
    default: 4,
    min: 1,
    max: 1000,
    unit: 'batches',
    change: hot,
    doc: 'Largest number of batches in flight at the same time.',
  },
  timeout: {
    format: 'seconds',
    default: 10,
    min: 0.001,
    max: 3600,
    unit: 's',
    change: hot,
    doc: 'How long one attempt to deliver a batch may take.',
  },
  retry_attempts: {
    format: 'integer',
    default: 3,
    min: 0,
    max: 1_000_000,
    change: hot,
    doc: 'Attempts after the first. Then a batch that fails while others succeed is dropped (`retries_exhausted`).',
  },
  max_age: {
    format: 'seconds',
    default: null,
    nullable: true,
    min: 0.001,
    unit: 's',
    change: hot,
    doc: 'How long a batch may wait for delivery; then it is dropped (`max_age`). None: without limit.',
  },
  max_request_bytes: {
    format: 'integer',
    default: 4 * 1024 * 1024,
    min: 1024,
    max: 1024 * 1024 * 1024,
    unit: 'bytes',
    change: hot,
    doc: 'Largest size of a request before compression; batches are split to fit.',
  },
  failure_threshold: {
    format: 'integer',
    default: 5,
    min: 1,
    max: 1_000_000,
    unit: 'failures',
    change: hot,
    doc: 'Consecutive failures that open the circuit breaker. With several endpoints, max_in_flight failures are enough if that is fewer.',
  },
  reset_timeout: {
    format: 'seconds',
    default: 60,
    min: 0.001,
    max: 86_400,
    unit: 's',
    change: hot,
    doc: 'Longest time that an open circuit breaker waits before it lets one probe through. After a 401, 403 or 404 it always waits this long.',
  },
  initial_reset_timeout: {
    format: 'seconds',
    default: 1,
    min: 0.001,
    max: 86_400,
    unit: 's',
    change: hot,
    doc: 'Shortest time that an open circuit breaker waits before it lets one probe through; the wait grows with the length of the outage, up to reset_timeout. If it is longer than reset_timeout, reset_timeout applies.',
  },
}

/** The keys an exporter type has for free. */
export const commonKeys = (definition: Pick<ExporterDefinition, 'export'>): Record<string, KeySchema> =>
  definition.export ? { ...exporterKeys, ...pushKeys } : { ...exporterKeys }
