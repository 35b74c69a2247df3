/**
 * A crash of an exporter with several endpoints, whichever chart dies: nothing of the old life is left, nothing is lost
 * or counted twice, delivery resumes, and the breakers that live on keep what they know.
 */
import assert from 'node:assert/strict'
import type { AnyActorRef } from 'xstate'
import { assertExact, totalPending } from '../support/ledger.ts'
import { type Call, createDriver, type Driver, delivered, down, hang } from '../support/scripted-driver.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'
import { type Chart, type CrashableTelemetry, startCrashable } from './crashable.ts'
import { leavesOf } from './table.ts'

const [primary, fallback] = ['http://primary.example/', 'http://fallback.example/']
const charts = [
  'exporter',
  'delivery',
  'failover',
  'breaker',
  'breaker@1',
] as const satisfies readonly Chart[]

interface World {
  readonly rig: CrashableTelemetry
  readonly driver: Driver
}

const failing =
  (...endpoints: readonly string[]) =>
  ({ endpoint }: Call) =>
    endpoints.includes(String(endpoint)) ? down : delivered

/** By the states of the failover chart and of the delivery chart that it leads to. */
const situations: Readonly<Record<string, (world: World) => unknown>> = {
  'serving.primary, working.idle': () => {},
  'serving.primary, working.exporting': ({ rig, driver }) => {
    driver.reply = hang
    rig.emit(4)
    return rig.pass(1)
  },
  'serving.fallback, working.idle': async ({ rig, driver }) => {
    driver.reply = failing(primary)
    rig.emit(4)
    await rig.clock.until(() => rig.ledger().delivered === 4, { stepMs: 50 })
  },
  'serving.fallback, working.exporting': async ({ rig, driver }) => {
    driver.reply = failing(primary)
    rig.emit(4)
    await rig.clock.until(() => rig.ledger().delivered === 4, { stepMs: 50 })
    driver.reply = hang
    rig.emit(4)
    await rig.pass(0.5)
  },
  'probe.probing, working.exporting': async ({ rig, driver }) => {
    driver.reply = failing(primary)
    rig.emit(4)
    await rig.clock.until(() => rig.ledger().delivered === 4, { stepMs: 50 })
    await rig.pass(5)
    driver.reply = hang
    rig.emit(20)
    await rig.pass(1)
  },
  'serving.none, working.asking': async ({ rig, driver }) => {
    driver.reply = failing(primary, fallback)
    rig.emit(4)
    await rig.clock.until(() => statesOf(rig).includes('serving.none'), { stepMs: 50 })
    rig.telemetry.breaker('test').forceOpen()
    await rig.pass(60)
  },
}

const statesOf = (rig: CrashableTelemetry): readonly string[] =>
  (['failover', 'delivery'] as const).flatMap((chart) => leavesOf(rig.actor(chart).getSnapshot().value))

async function arrive(situation: string): Promise<World> {
  const key = { change: 'rebuild', doc: 'Where to.' } as const
  const driver = createDriver('test', {
    schema: {
      endpoint: { format: 'http-url', default: primary, ...key },
      endpoints: { format: 'http-urls', default: null, nullable: true, insteadOf: 'endpoint', ...key },
    },
  })
  const config = {
    ...{ endpoints: [primary, fallback], event_patterns: ['app.*'], batch_size: 2, max_in_flight: 1 },
    ...{ timeout: 50, drain_timeout: 30, open_timeout: 50, initial_reset_timeout: 3 },
  }
  const world = { driver, rig: await startCrashable([driver.definition], { test: config }) }
  await situations[situation]?.(world)
  const states = statesOf(world.rig)
  for (const state of situation.split(', ')) assert.ok(states.includes(state), `${state} is among ${states}`)
  return world
}

const isAlive = (actor: AnyActorRef): boolean => actor.getSnapshot().status === 'active'
const breakersOf = (rig: CrashableTelemetry) =>
  rig.telemetry.status().exporters.test?.endpoints?.map(({ breaker }) => breaker)

describe('a crash of an exporter with several endpoints', () => {
  afterEach(endSimulated)

  for (const chart of charts)
    for (const situation of Object.keys(situations))
      it(`of its ${chart} in ${situation} leaves no actor of the old life, and loses nothing`, async () => {
        const { rig, driver } = await arrive(situation)
        const before = rig.ledger()
        const life = rig.actor('exporter').getSnapshot().context.unit
        const isKept = (actor: AnyActorRef): boolean =>
          (['breaker', 'breaker@1'] as const).some((one) => one !== chart && rig.actor(one) === actor)
        const old = rig.actors.filter((actor) => actor._parent !== undefined && !isKept(actor))
        await rig.crash('test', chart)
        assert.notEqual(rig.actor('exporter').getSnapshot().context.unit, life, 'another life has begun')
        driver.reply = () => delivered
        await rig.clock.until(() => old.every((actor) => !isAlive(actor)), { stepMs: 100 })
        await rig.clock.until(() => rig.state() === 'serving', { stepMs: 100 })

        rig.telemetry.breaker('test').reset()
        rig.emit(1, 'app.after')
        await rig.clock.until(() => totalPending(rig.ledger()) === 0, { stepMs: 500 })
        assert.deepEqual(rig.ledger().dropped, {})
        assert.ok(rig.ledger().delivered > before.delivered)
        assertExact(rig.ledger())
        assert.ok(statesOf(rig).includes('serving.primary'))
        const tallies = rig.telemetry.status().exporters.test?.endpoints ?? []
        assert.equal(
          tallies.reduce((sum, one) => sum + one.delivered, 0),
          rig.ledger().delivered,
        )
        assert.equal(driver.open.length, 2, 'a client for each endpoint')
        await rig.end()
        assert.equal(rig.clock.timers, 0)
        assert.deepEqual(rig.actors.filter(isAlive), [])
      })

  it('of its failover chart leaves both breakers as they were, and the fallback serves on', async () => {
    const { rig, driver } = await arrive('serving.primary, working.idle')
    rig.telemetry.breaker('test', { endpoint: 0 }).forceOpen()
    await rig.crash('test', 'failover')
    await rig.clock.until(() => rig.state() === 'serving', { stepMs: 100 })
    assert.deepEqual(breakersOf(rig), ['forced_open', 'closed'])
    rig.emit(2)
    await rig.pass(2)
    assert.deepEqual(
      driver.calls.map(({ endpoint }) => endpoint),
      [fallback],
    )
  })

  it('of one breaker forgets that this one was open, and no other', async () => {
    const { rig } = await arrive('serving.primary, working.idle')
    rig.telemetry.breaker('test').forceOpen()
    await rig.crash('test', 'breaker@1')
    await rig.clock.until(() => rig.state() === 'serving', { stepMs: 100 })
    assert.deepEqual(breakersOf(rig), ['forced_open', 'closed'])
    await rig.crash('test', 'breaker')
    await rig.clock.until(() => rig.state() === 'serving', { stepMs: 100 })
    assert.deepEqual(breakersOf(rig), ['closed', 'closed'])
  })
})
