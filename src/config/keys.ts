import type { KeySchema } from '../exporters/exporter.ts'

const hot = 'hot' as const

/** Keys of telemachine itself, directly under `telemetry`. */
export interface SystemConfig {
  readonly max_value_length: number
  readonly allowed_destinations: readonly string[]
  readonly max_exporters: number
}

export const systemSchema: Readonly<Record<keyof SystemConfig, KeySchema>> = {
  max_value_length: {
    format: 'integer',
    default: 16_384,
    min: 1,
    max: 1024 * 1024,
    unit: 'characters',
    change: hot,
    doc: 'String values of events are cut at this length.',
  },
  allowed_destinations: {
    format: 'destinations',
    default: [],
    change: hot,
    doc: 'Origins (`https://otel.example.com:4318`) or host globs (`*.example.com`, `10.0.*.*`, with or without a port) that the admin API and remote sources may name without bringing credentials. In a glob `*` never matches a dot, and a glob of addresses matches addresses only. The admin API and remote sources cannot change this key.',
  },
  max_exporters: {
    format: 'integer',
    default: 64,
    min: 1,
    max: 1024,
    unit: 'exporters',
    change: hot,
    doc: 'How many exporters one change may add. It does not limit the file and init at the start. The admin API and remote sources cannot change this key.',
  },
}

/** Keys that limit what the admin API and remote sources may do, and that those cannot change. */
export const guardedKeys: readonly (keyof SystemConfig)[] = ['allowed_destinations', 'max_exporters']

export const systemKeys: ReadonlySet<string> = new Set(Object.keys(systemSchema))

/** Keys that `TELEMETRY_<KEY>` sets in every exporter that has them. */
export const sharedVariables: ReadonlySet<string> = new Set(['enabled', 'endpoint', 'api_key', 'batch_size'])
