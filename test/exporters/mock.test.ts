// The mock exporter remembers what was delivered and which keys of its configuration changed, and answers as its test scripts it.

import assert from 'node:assert/strict'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import type { Config, ExportContext, OpenContext } from '../../src/exporters/exporter.ts'
import { type MockExporter, type MockState, mock } from '../../src/exporters/mock.ts'
import { createTelemetry } from '../../src/index.ts'
import { stderrLogger } from '../../src/logger.ts'
import { createSimulatedClock } from '../../src/testing/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'

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
    /** Its items are the events themselves. */
    ingest: (...names: string[]) => void queue.push(...names.map(eventOf)),
    export: (config: Config, batch = queue.splice(0)) =>
      exporter.export!({ config }, batch, {
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
    host.ingest('job.start', 'job.success', 'db.query')
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

  it('notes each key that a change changes when it comes into force, without an event', async () => {
    const exporter = mock()
    const clock = createSimulatedClock()
    const telemetry = createTelemetry({
      types: [exporter],
      config: { env: {}, init: { mock: {}, mock_eu: { type: 'mock' } } },
      ...{ clock, drainOnExit: false },
    })
    await telemetry.start()
    assert.deepEqual(exporter.configChanges, [], 'what it starts with is no change')

    await clock.advance(1_000)
    const time = clock.now()
    await telemetry.config.put('telemetry.mock.batch_size', 20)
    const size = { id: 'mock', path: 'telemetry.mock.batch_size', old: 512, new: 20, time }
    assert.deepEqual(exporter.configChanges, [size])

    await telemetry.config.put({ 'mock.endpoint': 'mock://b', 'mock_eu.api_key': 'k' })
    assert.deepEqual(exporter.configChanges, [
      size,
      { id: 'mock', path: 'telemetry.mock.endpoint', old: 'mock://memory', new: 'mock://b', time },
      { id: 'mock_eu', path: 'telemetry.mock_eu.api_key', old: null, new: 'k', time },
    ])

    await telemetry.config.put('mock.batch_size', 20)
    await assert.rejects(telemetry.config.put('mock.batch_size', -1))
    assert.equal(exporter.configChanges.length, 3, 'what changes nothing, and what is refused, is no change')

    const disabling = telemetry.config.put('mock.enabled', false)
    await clock.until(() => exporter.configChanges.length === 4)
    await disabling
    const paths = exporter.configChanges.map(({ path }: { path: string }) => path)
    assert.equal(paths.at(-1), 'telemetry.mock.enabled')
    await telemetry.stop()
  })

  it('notes no change that another exporter refuses', async () => {
    const exporter = mock()
    const strict = mock({
      type: 'strict',
      open: ({ endpoint }) => {
        if (endpoint === 'mock://nowhere') throw new Error('no such place')
      },
    })
    const telemetry = createTelemetry({
      types: [exporter, strict],
      config: { env: {}, init: { mock: {}, strict: {} } },
      drainOnExit: false,
    })
    await telemetry.start()
    await assert.rejects(telemetry.config.put({ 'mock.batch_size': 20, 'strict.endpoint': 'mock://nowhere' }))
    await telemetry.stop()
    assert.deepEqual([exporter.configChanges, strict.configChanges], [[], []])
  })

  it('shows that a driver which fails to take a change over is noted, and the change in force', async () => {
    const failing = Object.assign(mock({ type: 'failing' }), {
      configure: () => {
        throw new Error('cannot take it over')
      },
    })
    const telemetry = createTelemetry({
      types: [failing],
      config: { env: {}, init: { failing: {} } },
      ...{ drainOnExit: false, logger: quietLogger },
    })
    await telemetry.start()
    await telemetry.config.put('failing.batch_size', 20)
    const { lastError, state, config } = telemetry.status().exporters.failing!
    assert.deepEqual([lastError?.message, state, config.batch_size], ['cannot take it over', 'serving', 20])
    await telemetry.stop()
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
    for (const name of ['a', 'b', 'c', 'd', 'e']) host.ingest(name)
    await host.export(config)
    assert.deepEqual(
      exporter.events.map(({ name }) => name),
      ['c', 'd', 'e'],
    )
    assert.equal(exporter.discarded, 2)
  })
})
