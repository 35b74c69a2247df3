// The mock exporter remembers what was delivered and which configurations it saw, and answers as its test scripts it.
import assert from 'node:assert/strict'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import type { Config, ExportContext, OpenContext, Sink } from '../../src/exporters/exporter.ts'
import { type MockExporter, type MockState, mock } from '../../src/exporters/mock.ts'
import { stderrLogger } from '../../src/logger.ts'
import { createSimulatedClock } from '../../src/testing/index.ts'

const eventOf = (name: string): TelemetryEvent => ({
  name,
  time: 0,
  fields: [],
  metadataStart: 0,
  measurements: {},
  metadata: {},
})

/** What the telemetry system does with a definition, one call at a time. */
function hostOf(exporter: MockExporter, id = 'mock') {
  const common = { id, clock: createSimulatedClock(), logger: stderrLogger }
  const state = exporter.state!(common)
  const context = { ...common, state, signal: new AbortController().signal }
  const queue: TelemetryEvent[] = []
  return {
    open: (config: Config) =>
      exporter.open(config, {
        ...context,
        current: () => config,
        catchUp: () => {},
        status: () => ({}),
      } satisfies OpenContext<MockState>),
    ingest: (config: Config, ...names: string[]) => {
      const sink: Sink<MockState, TelemetryEvent> = {
        state,
        config,
        now: 0,
        monotonic: 0,
        item: (item) => queue.push(item) > 0,
        hold: () => assert.fail('nothing to hold'),
        drop: () => assert.fail('nothing to drop'),
      }
      for (const name of names) exporter.ingest!(eventOf(name), sink)
    },
    export: (config: Config, batch = queue.splice(0)) =>
      exporter.export!({ config, current: () => config }, batch, {
        ...context,
        config,
        deadline: 0,
      } satisfies ExportContext<MockState>),
  }
}

describe('the mock exporter', () => {
  const config = { endpoint: 'mock://a', batch_size: 10 }

  it('keeps delivered events and finds them by glob', async () => {
    const exporter = mock()
    const host = hostOf(exporter)
    host.ingest(config, 'job.start', 'job.success', 'db.query')
    assert.deepEqual(exporter.events, [])
    assert.deepEqual(await host.export(config), { type: 'delivered' })
    assert.equal(exporter.events.length, 3)
    assert.deepEqual(
      exporter.eventsMatching('job.*').map(({ name }) => name),
      ['job.start', 'job.success'],
    )
    assert.equal(exporter.eventsMatching(['job.*', '*.start', 'db.query']).length, 3)
    exporter.clear()
    assert.deepEqual([exporter.events, exporter.configChanges], [[], []])
  })

  it('notes each opening, and each hot change once', async () => {
    const exporter = mock()
    const host = hostOf(exporter)
    await host.open(config)
    host.ingest(config, 'a')
    host.ingest({ ...config }, 'b')
    const hot = { ...config, batch_size: 20 }
    host.ingest(hot, 'c')
    await host.export(hot)
    host.ingest(config, 'd')
    const moved = { ...config, endpoint: 'mock://b' }
    await host.open(moved)
    host.ingest(config, 'under the old one while the new one opens')
    host.ingest({ ...moved }, 'e')
    host.ingest(config, 'f')
    assert.deepEqual(
      exporter.configChanges.map((each) => [each.change, each.config]),
      [
        ['open', config],
        ['hot', hot],
        ['hot', config],
        ['open', moved],
        ['hot', config],
      ],
    )
  })

  it('keeps the exporters of its type apart', () => {
    const exporter = mock()
    const [one, two] = [hostOf(exporter, 'one'), hostOf(exporter, 'two')]
    const other = { ...config, endpoint: 'mock://b' }
    for (const _time of [1, 2]) {
      one.ingest(config, 'a')
      two.ingest(other, 'a')
    }
    assert.deepEqual(
      exporter.configChanges.map(({ id }) => id),
      ['one', 'two'],
    )
  })

  it('answers as scripted and records only what it took', async () => {
    const attempts: number[] = []
    const exporter = mock({
      export: (_batch, attempt) => {
        attempts.push(attempt)
        return attempt < 3 ? { type: 'retry', cause: 'not yet' } : { type: 'delivered', rejected: 1 }
      },
    })
    const host = hostOf(exporter)
    const batch = [eventOf('a'), eventOf('b')]
    assert.equal((await host.export(config, batch)).type, 'retry')
    await host.export(config, batch)
    assert.equal(exporter.events.length, 0)
    await host.export(config, batch)
    assert.deepEqual(
      exporter.events.map(({ name }) => name),
      ['a'],
    )
    await host.export(config, [eventOf('c')])
    assert.deepEqual(attempts, [1, 2, 3, 1])
  })

  it('passes nonsense and rejections on', async () => {
    const nonsense = hostOf(mock({ export: () => undefined as never }))
    assert.equal(await nonsense.export(config, [eventOf('a')]), undefined)
    const thrown = hostOf(
      mock({
        export: () => {
          throw new Error('no')
        },
      }),
    )
    await assert.rejects(thrown.export(config, [eventOf('a')]), /no/)
  })

  it('counts open clients, and can fail to open', async () => {
    let closed = 0
    const exporter = mock({
      type: 'spy',
      open: ({ endpoint }) => {
        if (endpoint === 'mock://down') throw new Error('down')
      },
      close: () => {
        closed += 1
      },
    })
    assert.equal(exporter.type, 'spy')
    const host = hostOf(exporter)
    const client = await host.open(config)
    await assert.rejects(async () => host.open({ ...config, endpoint: 'mock://down' }), /down/)
    assert.equal(exporter.openClients, 1)
    await exporter.close(client, { deadline: 0 })
    assert.deepEqual([exporter.openClients, closed], [0, 1])
  })

  it('keeps the latest events and counts the others', async () => {
    const exporter = mock({ limit: 3 })
    const host = hostOf(exporter)
    for (const name of ['a', 'b', 'c', 'd', 'e']) host.ingest(config, name)
    await host.export(config)
    assert.deepEqual(
      exporter.events.map(({ name }) => name),
      ['c', 'd', 'e'],
    )
    assert.equal(exporter.discarded, 2)
  })
})
