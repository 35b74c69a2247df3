// Guards what compiles in `createTelemetry({ config: { init } })`: each @ts-expect-error fails the check of types when
// the line below it compiles. Nothing here runs.
import { createTelemetry, defineExporter, mock, prometheus } from '../../src/index.ts'

const loki = defineExporter({
  type: 'loki',
  schema: {
    endpoint: {
      format: 'http-url',
      default: 'http://localhost:3100',
      change: 'rebuild',
      doc: 'Where to push.',
    },
    level: { format: ['info', 'debug'], default: 'info', change: 'hot', doc: 'Level of each line.' },
  },
  open: ({ endpoint }) => ({ url: new URL(endpoint) }),
  export: async ({ url }, batch) => ({ type: 'refused', cause: new Error(`${url.host} ${batch.length}`) }),
  close() {},
})

export const plain = createTelemetry({
  config: {
    init: {
      max_value_length: 100,
      otel: { endpoint: 'http://localhost:4318', headers: { authorization: 'x' }, event_patterns: 'job.*' },
      otel_eu: { type: 'otel', endpoint: 'http://eu:4318', max_age: null },
      otel_metrics: { temporality: 'delta', histogram: 'exponential', interval: 10, max_in_flight: 1 },
      prometheus: { port: null, labels: ['queue'] },
      datadog: { transport: 'dogstatsd', tags: { team: 'core' } },
    },
  },
})
export const wrapped = createTelemetry({ config: { init: { telemetry: { otel: { batch_size: 10 } } } } })

export const mistakes = [
  // @ts-expect-error: a typo in a key
  createTelemetry({ config: { init: { otel: { endpont: 'http://localhost:4318' } } } }),
  // @ts-expect-error: a number as a string
  createTelemetry({ config: { init: { otel: { batch_size: '10' } } } }),
  // @ts-expect-error: a temporality that there is not
  createTelemetry({ config: { init: { otel_metrics: { temporality: 'absolute' } } } }),
  // @ts-expect-error: a value that the key does not list
  createTelemetry({ config: { init: { otel: { compression: 'brotli' } } } }),
  // @ts-expect-error: a typo in the table of an exporter that names its type
  createTelemetry({ config: { init: { otel_eu: { type: 'otel', endpont: 'http://eu:4318' } } } }),
  // @ts-expect-error: a type that does not exist
  createTelemetry({ config: { init: { otel_eu: { type: 'otell' } } } }),
  // @ts-expect-error: a pull exporter has no batches
  createTelemetry({ config: { init: { prometheus: { batch_size: 10 } } } }),
  // @ts-expect-error: null for a key that is not nullable
  createTelemetry({ config: { init: { otel: { endpoint: null } } } }),
  // @ts-expect-error: a key of another exporter
  createTelemetry({ config: { init: { otel: { port: 9464 } } } }),
  // @ts-expect-error: a system key of the wrong type
  createTelemetry({ config: { init: { max_exporters: '3' } } }),
  // @ts-expect-error: a typo inside the outer table
  createTelemetry({ config: { init: { telemetry: { otel: { endpont: 'x' } } } } }),
]

export const own = createTelemetry({
  types: [loki, mock({ type: 'sink' }), prometheus({ type: 'metrics' })],
  config: {
    init: {
      loki: { endpoint: 'http://localhost:3100', level: 'debug', batch_size: 5 },
      loki_eu: { type: 'loki', level: 'info' },
      sink: { api_key: 'x' },
      metrics: { port: 0 },
      otel: { batch_size: 10 },
    },
  },
})
export const ownMistakes = [
  // @ts-expect-error: a typo in a key of a type of the application
  createTelemetry({ types: [loki], config: { init: { loki: { endpont: 'http://localhost:3100' } } } }),
  // @ts-expect-error: a value that the key does not list
  createTelemetry({ types: [loki], config: { init: { loki: { level: 'trace' } } } }),
  // @ts-expect-error: a typo in a built-in type beside one's own
  createTelemetry({ types: [loki], config: { init: { otel: { endpont: 'x' } } } }),
]

interface Events {
  'job.start': { measurements: { count: number }; metadata: { queue: string } }
}
// With the types of events given, those of exporters are not inferred: give them too, or go unchecked for them.
export const typed = [
  createTelemetry<Events>({ types: [loki], config: { init: { loki: { level: 'info' } } } }),
  createTelemetry<Events>({ config: { init: { otel: { batch_size: 10 } } } }),
  // @ts-expect-error: a typo in a built-in type
  createTelemetry<Events>({ config: { init: { otel: { endpont: 'x' } } } }),
  // @ts-expect-error: a typo in a built-in type beside one's own
  createTelemetry<Events>({ types: [loki], config: { init: { otel: { endpont: 'x' } } } }),
  // @ts-expect-error: a typo in a type of one's own, which is given
  createTelemetry<Events, [typeof loki]>({ types: [loki], config: { init: { loki: { lvl: 'x' } } } }),
]
