/**
 * A crash, whichever chart dies and in whatever state: nothing of the old life is left, nothing is lost or counted
 * twice, and what an old life still commands changes nothing.
 */
import assert from 'node:assert/strict'
import type { AnyActorRef } from 'xstate'
import type { UnitLife } from '../../src/delivery/life.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { createDriver, type Driver, delivered, down, hang } from '../support/scripted-driver.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'
import { type Chart, type CrashableTelemetry, startCrashable } from './crashable.ts'
import { leavesOf } from './table.ts'

/** Ends each close that hangs. */
const closes: (() => void)[] = []
const hangingClose = (): Promise<void> => new Promise((resolve) => closes.push(resolve))

interface World {
  readonly rig: CrashableTelemetry
  readonly driver: Driver
}

/** By the state it leads to, of the exporter's chart or of the delivery chart. */
const situations: Readonly<Record<string, (world: World) => unknown>> = {
  'working.idle': () => {},
  'working.gathering': ({ rig }) => {
    rig.emit(1)
    return rig.pass(0.1)
  },
  'working.asking': ({ rig }) => {
    rig.telemetry.breaker('test').forceOpen()
    rig.emit(4)
    return rig.pass(1)
  },
  'working.exporting': ({ rig, driver }) => {
    driver.reply = hang
    rig.emit(4)
    return rig.pass(1)
  },
  'working.backing_off': async ({ rig, driver }) => {
    driver.reply = () => down
    rig.emit(4)
    await rig.clock.until(
      () => leavesOf(rig.actor('delivery').getSnapshot().value)[0] === 'working.backing_off',
      {
        stepMs: 10,
      },
    )
  },
  'working.deferred': ({ rig, driver }) => {
    driver.reply = () => ({ ...down, afterSeconds: 100 })
    rig.emit(4)
    return rig.pass(1)
  },
  'draining.exporting': async ({ rig, driver }) => {
    driver.reply = hang
    rig.emit(4)
    await rig.pass(1)
    void rig.telemetry.config.put('test.enabled', false).catch(() => {})
    await rig.settle()
  },
  'active.client.opening': async ({ rig, driver }) => {
    driver.opening = () => new Promise(() => {})
    void rig.telemetry.restart('test')
    await rig.settle()
  },
  'active.client.retrying': async ({ rig, driver }) => {
    driver.opening = () => Promise.reject(new Error('no'))
    void rig.telemetry.restart('test')
    await rig.settle()
  },
  'active.client.replacing.opening': async ({ rig, driver }) => {
    driver.opening = () => new Promise(() => {})
    void rig.telemetry.config.put('test.endpoint', 'two').catch(() => {})
    await rig.settle()
  },
  'active.client.recreating.opening': async ({ rig, driver }) => {
    driver.opening = () => new Promise(() => {})
    void rig.telemetry.config.put('test.address', 'there').catch(() => {})
    await rig.settle()
  },
  'active.retirement.retiring': async ({ rig, driver }) => {
    driver.reply = hang
    rig.emit(4)
    await rig.pass(1)
    await rig.telemetry.config.put('test.endpoint', 'two')
    await rig.settle()
  },
  'leaving.closing': async ({ rig, driver }) => {
    driver.closing = hangingClose
    void rig.telemetry.restart('test')
    await rig.settle()
  },
  disabled: ({ rig }) => rig.telemetry.config.put('test.enabled', false),
  'enabling.opening': async ({ rig, driver }) => {
    await rig.telemetry.config.put('test.enabled', false)
    driver.opening = () => new Promise(() => {})
    void rig.telemetry.config.put('test.enabled', true).catch(() => {})
    await rig.settle()
  },
  'recovering.fencing': async ({ rig, driver }) => {
    driver.closing = hangingClose
    await rig.crash()
  },
  'recovering.backoff': ({ rig }) => rig.crash(),
}

const config = {
  ...{ event_patterns: ['app.*'], batch_size: 2, max_in_flight: 1, failure_threshold: 3 },
  ...{ timeout: 50, drain_timeout: 30, open_timeout: 50 },
}

async function arrive(situation: string): Promise<World> {
  const driver = createDriver()
  const world = { driver, rig: await startCrashable([driver.definition], { test: config }) }
  await situations[situation]?.(world)
  const states = (['exporter', 'delivery'] as const).flatMap((chart) =>
    leavesOf(world.rig.actor(chart).getSnapshot().value),
  )
  assert.ok(states.includes(situation), `${situation} is among ${states}`)
  return world
}

const heal = (driver: Driver): void => {
  driver.reply = () => delivered
  driver.opening = () => {}
  driver.closing = () => {}
  for (const close of closes.splice(0)) close()
}

const isAlive = (actor: AnyActorRef): boolean => actor.getSnapshot().status === 'active'

/** Timers of the actor system, by whose they are. */
const timersOf = (rig: CrashableTelemetry): { source: AnyActorRef }[] =>
  Object.values(rig.actor('exporter').system.getSnapshot()._scheduledEvents) as never

describe('a crash', () => {
  afterEach(endSimulated)

  for (const chart of ['exporter', 'delivery', 'breaker'] as const satisfies readonly Chart[])
    describe(`of the ${chart}`, () => {
      for (const situation of Object.keys(situations))
        it(`in ${situation} leaves no actor and no timer of the old life, and loses nothing`, async () => {
          const { rig, driver } = await arrive(situation)
          const before = rig.ledger()
          const life = rig.actor('exporter').getSnapshot().context.unit
          const old = rig.actors.filter(
            (actor) => actor._parent !== undefined && (chart === 'breaker' || actor !== rig.actor('breaker')),
          )
          await rig.crash('test', chart)
          assert.notEqual(rig.actor('exporter').getSnapshot().context.unit, life, 'another life has begun')
          heal(driver)
          await rig.clock.until(() => old.every((actor) => !isAlive(actor)), { stepMs: 100 })
          for (const { source } of timersOf(rig)) assert.ok(!old.includes(source), `a timer of ${source.id}`)

          const enabled = rig.telemetry.config.get('test.enabled')
          await rig.clock.until(() => rig.state() === (enabled ? 'serving' : 'disabled'), { stepMs: 100 })
          if (enabled) {
            rig.telemetry.breaker('test').reset()
            rig.emit(1, 'app.after')
            await rig.clock.until(() => totalPending(rig.ledger()) === 0, { stepMs: 500 })
            assert.deepEqual(rig.ledger().dropped, {})
            assert.ok(rig.ledger().delivered > before.delivered)
          }
          assertExact(rig.ledger())
          assert.equal(driver.open.length, enabled ? 1 : 0, 'clients open')
          await rig.end()
          assert.equal(rig.clock.timers, 0)
          assert.deepEqual(rig.actors.filter(isAlive), [])
        })
    })

  it('is survived five times within a minute; the sixth time the exporter waits for somebody', async () => {
    const driver = createDriver()
    const rig = await startCrashable([driver.definition], { test: config })
    for (const chart of ['exporter', 'delivery', 'breaker', 'exporter', 'delivery'] as const) {
      await rig.crash('test', chart)
      assert.equal(rig.state(), 'restarting')
      await rig.clock.until(() => rig.state() === 'serving', { stepMs: 50 })
    }
    await rig.crash()
    assert.equal(rig.state(), 'failed')
    rig.emit(3)
    await rig.pass(60)
    assert.equal(rig.state(), 'failed')
    assert.equal(rig.ledger().pending.queued, 3)
    await rig.telemetry.restart('test')
    await rig.pass(1)
    assert.equal(rig.ledger().delivered, 3)
  })

  it('of its breaker forgets that it was open', async () => {
    const driver = createDriver()
    const rig = await startCrashable([driver.definition], { test: config })
    rig.telemetry.breaker('test').forceOpen()
    await rig.crash('test', 'breaker')
    assert.equal(rig.breaker(), 'closed')
  })

  it('of another chart leaves its breaker as it was, and frees the probe that was under way', async () => {
    const driver = createDriver()
    const rig = await startCrashable([driver.definition], { test: config })
    driver.reply = () => ({ type: 'misdirected', cause: 'who?' })
    rig.emit(2)
    await rig.clock.until(() => rig.breaker() === 'open', { stepMs: 100 })
    driver.reply = hang
    rig.emit(2)
    await rig.clock.until(() => rig.breaker() === 'half_open' && driver.calls.length === 2, { stepMs: 1_000 })
    await rig.crash('test', 'delivery')
    assert.equal(rig.breaker(), 'half_open')
    heal(driver)
    await rig.clock.until(() => rig.breaker() === 'closed', { stepMs: 50 })
    assert.equal(rig.ledger().delivered, 2)
  })
})

describe('a life that is over', () => {
  afterEach(endSimulated)

  const portOf = (rig: CrashableTelemetry): UnitLife => rig.actor('exporter').getSnapshot().context.unit

  it('commands nothing any more', async () => {
    const { rig, driver } = await arrive('working.exporting')
    const old = portOf(rig)
    await rig.crash()
    await rig.clock.until(() => rig.state() === 'serving' && driver.calls.length === 2, { stepMs: 50 })
    rig.emit(1, 'app.more')
    const before = rig.ledger()
    const heard: unknown[] = []

    old.listen((event) => heard.push(event))
    old.look()
    old.requestFlush()
    old.failFlush()
    old.unsubscribe()
    old.swap()
    old.discard()
    old.commit()
    old.abort()
    old.tick()
    old.cut()
    old.abandon('disabled')
    old.forgive()
    old.noteError(new Error('of the old life'))
    await rig.settle()

    assert.deepEqual(rig.ledger(), before)
    assert.equal(driver.calls.at(-1)?.signal.aborted, false, 'what is in flight goes on')
    assert.doesNotMatch(String(rig.telemetry.status().exporters.test?.lastError?.message), /old life/)
    assert.deepEqual(heard, [])
    driver.reply = () => delivered
    driver.calls.at(-1)?.answer(delivered)
    rig.emit(2, 'app.late')
    await rig.pass(2)
    assert.equal(rig.ledger().delivered, 7)
    assert.deepEqual(heard, [])
  })

  it('has none of its work done any more', async () => {
    const { rig, driver } = await arrive('working.gathering')
    const old = portOf(rig)
    await rig.crash()
    await rig.clock.until(() => rig.state() === 'serving', { stepMs: 50 })
    const clients = driver.clients.length
    const { signal } = new AbortController()
    const works: Readonly<Record<string, () => Promise<unknown>>> = {
      open: () => old.open(signal),
      prepare: () => old.prepare(signal, 'replace'),
      exportWave: () => old.exportWave('series', { endpoint: 0, others: false }),
      drain: () => old.drain(false, 1_000, { endpoint: 0, others: false }),
      exportProbe: () => old.exportProbe(1),
      retire: () => old.retire(),
      close: () => old.close(),
      fence: () => old.fence(),
    }
    for (const [name, work] of Object.entries(works)) await assert.rejects(work, /crashed meanwhile/, name)
    assert.equal(driver.clients.length, clients)
    assert.equal(driver.open.length, 1)
    assert.equal(rig.ledger().pending.queued, 1)
  })
})
