/**
 * The charts step per batch, not per turn: however many turns of the event loop the telemetry came in, an exported
 * batch costs two chart events, and while nobody observes nothing is inspected.
 */
import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type AnyActorRef, enqueueActions } from 'xstate'
import { wireExporter, wireSystem } from '../../src/control/effects.ts'
import { createDriver } from '../support/scripted-driver.ts'
import { endSimulated, type SimulatedTelemetry, startSimulated } from '../support/simulated-telemetry.ts'

const batchSize = 100
const config = { event_patterns: ['app.*'], batch_size: batchSize, flush_interval: 60 }

/** The work of a chart is an actor as well, named after the state that it belongs to. */
const isChart = (actor: unknown): boolean => /^(exporter|delivery|breaker|x):/.test((actor as AnyActorRef).id)

/** `events` in each of `turns` turns, at `rate` events a second. */
async function work(rig: SimulatedTelemetry, turns: number, events: number, rate = 5_000): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    rig.emit(events)
    rig.clock.increment((1_000 * events) / rate)
    await nextTurn()
  }
  await rig.telemetry.flush()
}

describe('in steady state', () => {
  afterEach(endSimulated)

  for (const [turns, events, rate] of [
    [5_000, 1, 5_000],
    [2_500, 2, 5_000],
    [50, 100, 5_000],
    [5_000, 1, 250],
  ] as const)
    it(`an exported batch costs two chart events, at ${events} in a turn and ${rate} a second`, async () => {
      const driver = createDriver()
      const heard: string[] = []
      const rig = await startSimulated([driver.definition], { test: config }, undefined, (event) => {
        if (event.type === '@xstate.event' && isChart(event.actorRef)) heard.push(event.event.type)
      })
      await work(rig, 200, events)
      const exportsBefore = driver.calls.length
      heard.length = 0
      await work(rig, turns, events, rate)
      const batches = driver.calls.length - exportsBefore
      assert.equal(rig.ledger().delivered, (200 + turns) * events)
      assert.ok(batches >= (turns * events) / batchSize && batches <= (turns * events) / batchSize + 1)
      // telemetry.batch and done; the flush at the end is in it.
      const perBatch = heard.filter((event) => !event.includes('upkeep')).length / batches
      assert.ok(perBatch < 2.1, `${perBatch} events per batch: ${[...new Set(heard)]}`)
    })

  it('a turn in which nothing is emitted costs no chart event', async () => {
    const driver = createDriver()
    let heard = 0
    const rig = await startSimulated([driver.definition], { test: config }, undefined, (event) => {
      if (event.type === '@xstate.event') heard += 1
    })
    rig.emit(3)
    await rig.pass(1)
    const before = heard
    for (let turn = 0; turn < 1_000; turn += 1) await nextTurn()
    rig.clock.increment(800)
    assert.equal(heard, before)
  })

  it('nothing is inspected without observers', async () => {
    const driver = createDriver()
    let root: AnyActorRef | undefined
    const exporter = wireExporter().provide({
      actions: {
        announce: enqueueActions(({ self, enqueue }) => {
          root = self._parent
          enqueue.emit({ type: 'state.shown' })
        }),
      },
    })
    const rig = await startSimulated([driver.definition], { test: config }, wireSystem({ exporter }))
    assert.ok(root)
    // XState stamps every inspection event with the session of the root actor.
    const { sessionId } = root
    let inspected = 0
    Object.defineProperty(root, 'sessionId', {
      get() {
        inspected += 1
        return sessionId
      },
    })
    await work(rig, 500, 1)
    assert.ok(driver.calls.length >= 5)
    assert.equal(inspected, 0)

    const stop = rig.telemetry.observe(() => {})
    await work(rig, 200, 1)
    assert.ok(inspected > 0, 'an observer is served')
    stop()
    const before = inspected
    await work(rig, 200, 1)
    assert.equal(inspected, before, 'and nothing is inspected any more once it has gone')
  })
})
