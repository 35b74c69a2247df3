// Guards the order of the layers: defaults < ecosystem variables < TELEMETRY_<KEY> < TELEMETRY_<EXPORTER>_<KEY> < file <
// init < remote < runtime changes, for every pair of them and for every type of value.
import assert from 'node:assert/strict'
import { stringify } from 'smol-toml'
import type { AnyExporterDefinition, KeySchema } from '../../src/exporters/exporter.ts'
import type { KeyFormat } from '../../src/exporters/key.ts'
import { createStore, removeTemporary, temporaryFile } from './fake.ts'

/** Six values of each format, and how the environment spells them. */
const values: Record<string, { typed: readonly unknown[]; text: readonly string[] }> = {
  number: { typed: [0.5, 2, 3, 4, 5, 6], text: ['0.5', ' 2 ', '3.0', '4', '+5', '6'] },
  integer: { typed: [2, 3, 4, 5, 6, 7], text: ['2', '3', '4', '5', '6', '7'] },
  boolean: { typed: [true, false, true, false, true, false], text: ['yes', 'OFF', '1', '0', 'true', 'no'] },
  string: { typed: ['a', 'b', 'c', 'd', 'e', 'f'], text: ['a', 'b', 'c', 'd', 'e', 'f'] },
  'http-url': {
    typed: ['a', 'b', 'c', 'd', 'e', 'f'].map((host) => `http://${host}/`),
    text: ['a', 'b', 'c', 'd', 'e', 'f'].map((host) => `http://${host}/`),
  },
  port: { typed: [2, 3, 4, 5, 6, 7], text: ['2', '3', '4', '5', '6', '7'] },
  seconds: { typed: [0.5, 3, 4, 5, 6, 7], text: ['0.5', '3', '4', '5', '6', '7'] },
  patterns: {
    typed: ['a', 'b', 'c', 'd', 'e', 'f'].map((one) => [one, '*.x']),
    text: ['a', 'b', 'c', 'd', 'e', 'f'].map((one) => `${one}, *.x`),
  },
  headers: {
    typed: ['a', 'b', 'c', 'd', 'e', 'f'].map((one) => ({ [one]: one })),
    text: ['a=a', 'b=b', 'c=%63', 'd=d', 'e=e', 'f=f'],
  },
  tags: {
    typed: ['a', 'b', 'c', 'd', 'e', 'f'].map((one) => [`k:${one}`]),
    text: ['k:a', 'k:b', 'k:c', 'k:d', 'k:e', 'k:f'],
  },
  labels: { typed: ['a', 'b', 'c', 'd', 'e', 'f'].map((one) => [one]), text: ['a', 'b', 'c', 'd', 'e', 'f'] },
  buckets: {
    typed: [2, 3, 4, 5, 6, 7].map((one) => [one, 9]),
    text: ['2,9', '3,9', '4,9', '5,9', '6,9', '7,9'],
  },
  choice: { typed: ['b', 'c', 'd', 'e', 'f', 'g'], text: ['b', 'c', 'd', 'e', 'f', 'g'] },
}
const defaults: Record<string, unknown> = {
  headers: {},
  tags: [],
  labels: [],
  patterns: [],
  buckets: [1],
  choice: 'a',
  boolean: false,
  string: 'z',
  'http-url': 'http://z/',
}

const definitionOf = (format: string): AnyExporterDefinition => {
  const key: KeySchema = {
    format: format === 'choice' ? ['a', 'b', 'c', 'd', 'e', 'f', 'g'] : (format as KeyFormat),
    default: defaults[format] ?? 1,
    change: 'hot',
    doc: 'A key.',
    env: [{ name: 'ECOSYSTEM' }],
  }
  return { type: 'x', schema: { endpoint: key }, open: () => undefined, close: () => {} }
}

/** Each layer by what gives it the value of its own index. */
const layers = ['default', 'ecosystem', 'shared', 'specific', 'file', 'init', 'runtime'] as const
type Layer = (typeof layers)[number]

async function effective(format: string, said: ReadonlySet<Layer>): Promise<unknown> {
  const { typed, text } = values[format]!
  const at = (layer: Layer): number => layers.indexOf(layer) - 1
  const has = (layer: Layer): boolean => said.has(layer)
  const env: Record<string, string> = {}
  if (has('ecosystem')) env.ECOSYSTEM = text[at('ecosystem')]!
  if (has('shared')) env.TELEMETRY_ENDPOINT = text[at('shared')]!
  if (has('specific')) env.TELEMETRY_X_ENDPOINT = text[at('specific')]!
  const table = has('file') ? { endpoint: typed[at('file')] } : {}
  const { store } = createStore({
    types: [definitionOf(format)],
    env,
    file: temporaryFile(stringify({ telemetry: { x: table } })),
    init: has('init') ? { x: { endpoint: typed[at('init')] } } : {},
  })
  await store.start()
  if (has('runtime')) await store.put('x.endpoint', typed[at('runtime')])
  const value = store.exporters().get('x')?.config.endpoint
  await store.stop()
  return value
}

describe('layers', () => {
  afterEach(removeTemporary)

  for (const format of Object.keys(values)) {
    it(`are in order, each pair of them, for a ${format}`, async () => {
      for (const [i, stronger] of layers.entries()) {
        for (const weaker of layers.slice(0, i)) {
          const value = await effective(format, new Set([stronger, weaker]))
          assert.deepEqual(value, values[format]!.typed[i - 1], `${stronger} over ${weaker}`)
        }
      }
      assert.deepEqual(await effective(format, new Set()), defaults[format] ?? 1)
    })
  }

  it('put remote sources between init and the runtime changes of the program', async () => {
    const { store } = createStore({
      init: { otel: { service_name: 'init' } },
      remote: [{ load: () => ({ otel: { service_name: 'remote' } }) }],
    })
    await store.start()
    assert.equal(store.get('otel.service_name'), 'remote')
    await store.put('otel.service_name', 'put')
    assert.equal(store.get('otel.service_name'), 'put')
    await store.unset('otel.service_name')
    assert.equal(store.get('otel.service_name'), 'remote')
    await store.stop()
  })

  it('replace lists and tables as a whole, and never mix them', async () => {
    const { store } = createStore({ init: { otel: { headers: { a: '1', b: '2' } } } })
    await store.start()
    await store.put('otel.headers', { c: '3' })
    assert.deepEqual(store.exporters().get('otel')?.config.headers, { c: '3' })
    await store.stop()
  })
})
