// Guards remote sources: their documents are changes like any other, a lost source keeps its last good document and is
// tried again after growing pauses, and none can keep the program from starting.
import assert from 'node:assert/strict'
import type { SettledChange } from '../../src/config/reporting/reports.ts'
import type { ConfigSource } from '../../src/config/sources/source.ts'
import { createSimulatedClock } from '../../src/testing/simulated.ts'
import { createStore, otel } from './fake.ts'

/** A source whose moods the test decides. */
function fakeSource(document: Record<string, unknown>) {
  const source = {
    document,
    failing: false,
    loads: 0,
    watchers: 0,
    tell: (_document: Record<string, unknown>): void => {},
    lose: (_error: unknown): void => {},
  }
  const contract: ConfigSource = {
    name: 'fake',
    load: async () => {
      source.loads += 1
      if (source.failing) throw new Error('the store is down')
      return source.document
    },
    watch: (heard, lost) => {
      source.watchers += 1
      source.tell = heard
      source.lose = (error) => lost?.(error)
      return () => {
        source.watchers -= 1
      }
    },
  }
  return { source, contract }
}

function started(contract: ConfigSource) {
  const clock = createSimulatedClock()
  const { store, lines } = createStore({ clock, remote: [contract], init: { otel: { batch_size: 1 } } })
  const settled: SettledChange[] = []
  store.onSettled((change) => void settled.push(change))
  return { clock, store, lines, settled }
}

describe('a remote source', () => {
  it('is loaded at the start and heard from then on', async () => {
    const { source, contract } = fakeSource({ telemetry: { otel: { batch_size: 2, sampling_rate: 0.5 } } })
    const { clock, store, settled } = started(contract)
    const exporters = await store.start()
    assert.equal(exporters.get('otel')?.config.batch_size, 2)
    source.tell({ otel: { batch_size: 3 }, page: {} })
    await clock.settle()
    assert.deepEqual(
      settled.map(({ type, source: from }) => [type, from]),
      [['applied', 'remote']],
    )
    assert.equal(store.get('otel.batch_size'), 3)
    assert.equal(store.get('otel.sampling_rate'), 1, 'what it no longer says is no longer so')
    assert.ok(store.exporters().has('page'))
    assert.equal(
      store.explain().find(({ path }) => path === 'telemetry.otel.batch_size')?.from,
      'remote fake',
    )
    await store.stop()
    assert.equal(source.watchers, 0)
  })

  it('has only the exporters judged that its documents speak of', async () => {
    const { source, contract } = fakeSource({})
    const judged: unknown[] = []
    const noting = {
      ...otel,
      validate: ({ batch_size }: Readonly<Record<string, unknown>>) => {
        judged.push(batch_size)
        return []
      },
    }
    const clock = createSimulatedClock()
    const init = { one: { type: 'otel', batch_size: 1 }, two: { type: 'otel', batch_size: 2 } }
    const { store } = createStore({ clock, types: [noting], remote: [contract], init })
    await store.start()
    const judgedOf = async (document: Record<string, unknown>): Promise<unknown[]> => {
      judged.length = 0
      source.tell(document)
      await clock.settle()
      return judged
    }
    assert.deepEqual(await judgedOf({ one: { batch_size: 3 } }), [3])
    assert.deepEqual(await judgedOf({ one: { batch_size: 4 }, max_value_length: 100 }), [4])
    assert.deepEqual(await judgedOf({ max_value_length: 200 }), [1])
    assert.equal(store.system().max_value_length, 200)
    await store.stop()
  })

  it('keeps its last good document when a new one is bad', async () => {
    const { source, contract } = fakeSource({ otel: { batch_size: 2 } })
    const { clock, store, settled } = started(contract)
    await store.start()
    for (const bad of [
      { otel: { batch_size: 'x' } },
      { otel: 1 },
      [],
      null,
      { nobody: {} },
      { otel: { type: 'page' } },
    ]) {
      source.tell(bad as Record<string, unknown>)
      await clock.settle()
    }
    assert.equal(settled.filter(({ type }) => type === 'rejected').length, 6)
    assert.equal(store.get('otel.batch_size'), 2)
    await store.stop()
  })

  it('keeps its last document when it is lost, and is tried again after growing pauses', async () => {
    const { source, contract } = fakeSource({ otel: { batch_size: 2 } })
    const { clock, store, lines } = started(contract)
    await store.start()
    source.failing = true
    source.lose(new Error('connection reset'))
    assert.equal(store.status().sources[0]?.state, 'lost')
    assert.equal(source.watchers, 0)
    await clock.advance(10 * 60_000)
    assert.ok(source.loads > 8 && source.loads < 30, String(source.loads))
    assert.equal(lines.length, 1, 'said once')
    assert.equal(store.get('otel.batch_size'), 2)
    source.failing = false
    source.document = { otel: { batch_size: 5 } }
    await clock.advance(60_000)
    assert.deepEqual(store.status().sources, [{ name: 'fake', state: 'watching' }])
    assert.equal(store.get('otel.batch_size'), 5)
    assert.equal(source.watchers, 1)
    await store.stop()
    assert.equal(clock.timers, 0)
  })

  it('keeps no program from starting, neither by failing, nor by a bad document, nor by silence', async () => {
    const failing = fakeSource({})
    failing.source.failing = true
    for (const contract of [
      failing.contract,
      fakeSource({ otel: { nope: 1 } }).contract,
      {
        load: () => {
          throw new Error('at once')
        },
      },
    ]) {
      const { store } = started(contract)
      assert.equal((await store.start()).get('otel')?.config.batch_size, 1)
      await store.stop()
    }
    let answer = (_document: Record<string, unknown>): void => {}
    const { clock, store } = started({
      load: () =>
        new Promise((resolve) => {
          answer = resolve
        }),
    })
    const start = store.start()
    await clock.advance(5000)
    assert.equal((await start).get('otel')?.config.batch_size, 1)
    answer({ otel: { batch_size: 6 } })
    await clock.settle()
    assert.equal(store.get('otel.batch_size'), 6)
    await store.stop()
    assert.equal(clock.timers, 0)
  })

  it('is weaker than what the program puts', async () => {
    const { source, contract } = fakeSource({ otel: { batch_size: 2 } })
    const { clock, store } = started(contract)
    await store.put('otel.batch_size', 9)
    await store.start()
    source.tell({ otel: { batch_size: 3 } })
    await clock.settle()
    assert.equal(store.get('otel.batch_size'), 9)
    await store.unset('otel.batch_size')
    assert.equal(store.get('otel.batch_size'), 3)
    await store.stop()
  })
})
