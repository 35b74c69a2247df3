import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemClock } from '../../src/clock.ts'
import type { ConfigPlan } from '../../src/config/changes/plan.ts'
import type { StoreOptions } from '../../src/config/contract.ts'
import { createConfigStore } from '../../src/config/store.ts'
import type { AnyExporterDefinition, KeySchema } from '../../src/exporters/exporter.ts'
import type { Logger } from '../../src/logger.ts'

const key = (format: KeySchema['format'], value: unknown, rest: Partial<KeySchema> = {}): KeySchema => ({
  format,
  default: value,
  change: 'hot',
  doc: `A key of format ${format}.`,
  ...rest,
})

/** One key of every format. */
export const allFormats: AnyExporterDefinition = {
  type: 'all',
  schema: {
    a_number: key('number', 1),
    an_integer: key('integer', 1, { min: 0, max: 1000 }),
    a_boolean: key('boolean', false),
    a_string: key('string', 'default'),
    a_url: key('http-url', 'http://default/'),
    a_port: key('port', 1),
    some_seconds: key('seconds', 1),
    some_patterns: key('patterns', ['default']),
    some_headers: key('headers', {}),
    some_tags: key('tags', {}),
    some_labels: key('labels', ['default']),
    some_buckets: key('buckets', [1]),
    a_path: key('path', '/default'),
    a_file: key('file-path', '/default'),
    a_name: key('name', 'default'),
    a_host: key('host', 'default'),
    a_choice: key(['one', 'two', 'three', 'four', 'five', 'six', 'seven'], 'one'),
  },
  open: () => undefined,
  export: async () => ({ type: 'delivered' }),
  close: () => {},
}

/** Looks like an OTLP exporter to the configuration. */
export const otel: AnyExporterDefinition = {
  type: 'otel',
  schema: {
    endpoint: {
      format: 'http-url',
      default: 'http://localhost:4318/v1/traces',
      change: 'rebuild',
      doc: 'Where to.',
      env: [
        { name: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT' },
        { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', read: (text) => `${text.replace(/\/$/, '')}/v1/traces` },
      ],
    },
    headers: {
      format: 'headers',
      default: {},
      change: 'rebuild',
      doc: 'Headers.',
      env: [{ name: 'OTEL_EXPORTER_OTLP_HEADERS' }],
    },
    api_key: {
      format: 'string',
      default: null,
      nullable: true,
      sensitive: true,
      change: 'rebuild',
      doc: 'A key.',
    },
    certificate: { format: 'file-path', default: null, nullable: true, change: 'rebuild', doc: 'A file.' },
    service_name: { format: 'name', default: 'unknown', change: 'hot', doc: 'A name.' },
    sampling_rate: { format: 'number', default: 1, min: 0, max: 1, change: 'hot', doc: 'A rate.' },
  },
  open: () => undefined,
  export: async () => ({ type: 'delivered' }),
  close: () => {},
}

/** Looks like a pull exporter to the configuration. */
export const page: AnyExporterDefinition = {
  type: 'page',
  schema: {
    host: key('host', '127.0.0.1', { change: 'replace' }),
    port: key('port', 9464, { change: 'rebuild' }),
    path: key('path', '/metrics'),
  },
  open: () => undefined,
  close: () => {},
}

/** A logger that keeps all it is told. */
export function listening(): Logger & { readonly lines: string[] } {
  const lines: string[] = []
  const line = (details: object, message = ''): void =>
    void lines.push(`${message} ${JSON.stringify(details)}`)
  return { lines, debug: line, info: line, warn: line, error: line }
}

/** A store over the fakes, with no environment but what is given, and the plans it made. */
export function createStore(options: Partial<StoreOptions> = {}) {
  const plans: ConfigPlan[] = []
  const logger = listening()
  const store = createConfigStore({
    types: [otel, page, allFormats],
    clock: createSystemClock(),
    logger,
    env: {},
    apply: async (plan) => void plans.push(plan),
    ...options,
  })
  return { store, plans, lines: logger.lines }
}

const directories: string[] = []

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'telemachine-config-'))
  directories.push(directory)
  return directory
}

export function temporaryFile(text: string, name = 'telemetry.toml'): string {
  const file = join(temporaryDirectory(), name)
  writeFileSync(file, text)
  return file
}

export function removeTemporary(): void {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
}
