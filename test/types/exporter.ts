// Guards the types that an exporter's functions are given: they follow from its schema. Nothing here runs.
import { defineExporter } from '../../src/index.ts'

/** Compiles only if the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Same<A, B>): void => {}

export const everyFormat = defineExporter({
  type: 'every-format',
  schema: {
    url: { format: 'http-url', default: 'http://localhost', change: 'rebuild', doc: 'A URL.' },
    token: {
      format: 'string',
      default: null,
      nullable: true,
      sensitive: true,
      change: 'hot',
      doc: 'A secret.',
    },
    rate: { format: 'number', default: 1, change: 'hot', doc: 'A number.' },
    strict: { format: 'boolean', default: false, change: 'hot', doc: 'A boolean.' },
    level: { format: ['info', 'debug'], default: 'info', change: 'hot', doc: 'One of two.' },
    headers: { format: 'headers', default: {}, change: 'hot', doc: 'A table.' },
    labels: { format: 'labels', default: [], change: 'hot', doc: 'A list.' },
    buckets: { format: 'buckets', default: [1], change: 'hot', doc: 'Numbers.' },
  },
  state: () => ({ sent: 0 }),
  open: (config, { current }) => {
    same<typeof config.url, string>(true)
    same<typeof config.token, string | null>(true)
    same<typeof config.rate, number>(true)
    same<typeof config.strict, boolean>(true)
    same<typeof config.level, 'info' | 'debug'>(true)
    same<typeof config.headers, Readonly<Record<string, string>>>(true)
    same<typeof config.labels, readonly string[]>(true)
    same<typeof config.buckets, readonly number[]>(true)
    same<typeof config.enabled, boolean>(true)
    same<typeof config.batch_size, number>(true)
    same<typeof config.max_age, number | null>(true)
    // @ts-expect-error: there is no such key
    config.urll
    // @ts-expect-error: the level is never this
    const trace = config.level === 'trace'
    return { url: new URL(current().url), trace }
  },
  ingest: (event, sink) => {
    same<typeof sink.config.rate, number>(true)
    sink.item(event)
  },
  export: async ({ url }, batch, { config, state }) => {
    same<typeof config.timeout, number>(true)
    // @ts-expect-error: there is no such key
    config.timeot
    state.sent += batch.length
    return { type: 'refused', cause: new Error(`${url} ${config.level}`) }
  },
  close() {},
})

export const mistakes = [
  defineExporter({
    type: 'typo',
    // @ts-expect-error: there is no such format
    schema: { url: { format: 'http-urll', default: '', change: 'hot', doc: '' } },
    open: () => ({}),
    close() {},
  }),
  defineExporter({
    type: 'typo',
    // @ts-expect-error: there is no such way to change
    schema: { url: { format: 'http-url', default: '', change: 'warm', doc: '' } },
    open: () => ({}),
    close() {},
  }),
]
