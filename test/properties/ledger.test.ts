/**
 * The ledger adds up at every moment (docs/ledger.md), whatever backends, drivers, operators and time do:
 * random schedules over the real actor tree, counted by an independent sink.
 */

import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import type { Telemetry } from '../../src/contract.ts'
import type { AnyExporterDefinition, Sink } from '../../src/exporters/exporter.ts'
import { assembleTelemetry } from '../../src/telemetry.ts'
import { mortalSystem } from '../../src/testing/mortal.ts'
import { createSimulatedClock, type SimulatedClock } from '../../src/testing/simulated.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'
const runs = nightly ? 1000 : 100
const maxSteps = nightly ? 200 : 40
/** Shrinking a failure ends in time to be reported. */
const profile = { numRuns: runs / 2, interruptAfterTimeLimit: nightly ? 3_000_000 : 90_000 }

type Item = readonly TelemetryEvent[]

/** How the backend takes attempts. What it counts is what arrived, whatever the exporter comes to hear. */
const faults = [
  'delivered',
  'retry',
  'retry_after',
  'refused',
  'misdirected',
  'too_large',
  'partial',
  'sync_throw',
  'ambiguous_lost',
  'ambiguous_arrived',
  'hang_lost',
  'hang_arrived',
  'late',
  'reject_arrived',
  'garbage_arrived',
] as const
type Fault = (typeof faults)[number]
/** After these the exporter cannot know whether the batch arrived. */
const ambiguousFaults: ReadonlySet<Fault> = new Set(faults.slice(faults.indexOf('ambiguous_lost')))

const ids = ['a', 'b', 'c'] as const
type Id = (typeof ids)[number]

type Step =
  | { type: 'emit'; id: Id; kind: 'plain' | 'begin' | 'end' | 'drop' | 'bad'; count: number }
  | { type: 'fault'; id: Id; fault: Fault }
  | { type: 'put'; changes: Record<string, unknown> }
  | { type: 'advance'; ms: number }
  | { type: 'turn' }
  | { type: 'crash' | 'restart'; id: Id }
  | { type: 'breaker'; id: Id; command: 'forceOpen' | 'disable' | 'reset' }
  | { type: 'flush' }
  | { type: 'open_fails'; id: Id; fails: boolean }
  | { type: 'add' | 'remove' }

const id = fc.constantFrom<Id>('a', 'b')
const anyId = fc.constantFrom(...ids)

const put = (path: string, values: fc.Arbitrary<unknown>): fc.Arbitrary<Step> =>
  fc.tuple(id, values).map(([of, value]): Step => ({ type: 'put', changes: { [`${of}.${path}`]: value } }))

const stepsOf = (allowed: readonly Fault[]): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      {
        weight: 10,
        arbitrary: fc.record({
          type: fc.constant('emit' as const),
          id: anyId,
          kind: fc.constantFrom('plain', 'plain', 'plain', 'begin', 'end', 'drop', 'bad'),
          count: fc.integer({ min: 1, max: 12 }),
        }),
      },
      {
        weight: 5,
        arbitrary: fc.record({
          type: fc.constant('fault' as const),
          id: anyId,
          fault: fc.constantFrom(...allowed),
        }),
      },
      {
        weight: 6,
        arbitrary: fc.record({
          type: fc.constant('advance' as const),
          ms: fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 500, max: 20_000 })),
        }),
      },
      { weight: 3, arbitrary: fc.record({ type: fc.constant('turn' as const) }) },
      { weight: 1, arbitrary: put('batch_size', fc.integer({ min: 1, max: 8 })) },
      { weight: 1, arbitrary: put('queue_size', fc.integer({ min: 1, max: 30 })) },
      { weight: 2, arbitrary: put('endpoint', fc.constantFrom('one', 'two', 'three')) },
      { weight: 1, arbitrary: put('address', fc.constantFrom('here', 'there')) },
      { weight: 2, arbitrary: put('enabled', fc.boolean()) },
      { weight: 1, arbitrary: put('max_in_flight', fc.integer({ min: 1, max: 5 })) },
      { weight: 1, arbitrary: put('retry_attempts', fc.integer({ min: 0, max: 3 })) },
      { weight: 1, arbitrary: put('failure_threshold', fc.integer({ min: 1, max: 4 })) },
      { weight: 1, arbitrary: put('reset_timeout', fc.integer({ min: 1, max: 10 })) },
      { weight: 1, arbitrary: put('overflow', fc.constantFrom('drop_newest', 'drop_oldest')) },
      { weight: 1, arbitrary: put('max_age', fc.constantFrom(2, 10, null)) },
      {
        weight: 2,
        arbitrary: fc.record({
          type: fc.constant('put' as const),
          changes: fc.record({
            'a.endpoint': fc.constantFrom('four', 'five'),
            'b.endpoint': fc.constantFrom('four', 'five'),
            'b.enabled': fc.boolean(),
          }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('crash' as const), id }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const), id: anyId }) },
      {
        weight: 1,
        arbitrary: fc.record({
          type: fc.constant('breaker' as const),
          id: anyId,
          command: fc.constantFrom('forceOpen' as const, 'disable' as const, 'reset' as const),
        }),
      },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('flush' as const) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          type: fc.constant('open_fails' as const),
          id: anyId,
          fails: fc.boolean(),
        }),
      },
      { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('add' as const, 'remove' as const) }) },
    ),
    { maxLength: maxSteps, size: 'max' },
  )

interface World {
  readonly telemetry: Telemetry
  readonly clock: SimulatedClock
  readonly fault: Record<Id, Fault>
  readonly openFails: Record<Id, boolean>
  /** Clients open now, and at most. */
  readonly clients: Record<Id, { open: number; most: number }>
  /** Events the independent sink of each exporter took. */
  readonly sunk: Record<Id, number>
  readonly crash: (id: string) => void
  readonly puts: Promise<unknown>[]
  removed: boolean
}

/** Recovery takes a minute of simulated time. */
const recovering = fc.integer({ min: 0, max: 2 }).map((n) => n === 2)

const perId = <Value>(value: Value): Record<Id, Value> => ({ a: value, b: value, c: value })

function createWorld(): World {
  const clock = createSimulatedClock()
  const fault = perId<Fault>('delivered')
  const openFails = perId(false)
  const sunk = perId(0)
  const { machine, crash } = mortalSystem()
  const clients = { a: { open: 0, most: 0 }, b: { open: 0, most: 0 }, c: { open: 0, most: 0 } }

  const take = (of: Id, batch: readonly Item[]): void => {
    for (const events of batch) sunk[of] += events.length
  }

  const definitionOf = (of: Id): AnyExporterDefinition => ({
    type: of,
    schema: {
      endpoint: { format: 'string', default: 'one', change: 'rebuild', doc: 'Where to.' },
      address: { format: 'string', default: 'here', change: 'replace', doc: 'What is bound.' },
    },
    state: () => [] as TelemetryEvent[],
    open: async () => {
      if (openFails[of]) throw new Error('cannot open')
      const count = clients[of]
      count.open += 1
      count.most = Math.max(count.most, count.open)
      return {}
    },
    ingest(event: TelemetryEvent, sink: Sink<TelemetryEvent[], Item>) {
      if (event.name.endsWith('.begin')) {
        sink.state.push(event)
        sink.hold()
      } else if (event.name.endsWith('.end')) {
        const begin = sink.state.pop()
        sink.item(begin ? [begin, event] : [event], begin ? 2 : 1)
      } else if (event.name.endsWith('.drop')) sink.drop('not_a_span')
      else if (event.name.endsWith('.bad')) throw new Error('bad event')
      else sink.item([event])
    },
    forget: (state: TelemetryEvent[]) => {
      state.length = 0
    },
    export(_client: unknown, batch: readonly Item[]) {
      switch (fault[of]) {
        case 'delivered':
          take(of, batch)
          return Promise.resolve({ type: 'delivered' })
        case 'retry':
          return Promise.resolve({ type: 'retry', cause: 'down' })
        case 'retry_after':
          return Promise.resolve({ type: 'retry', afterSeconds: 3, cause: 'busy' })
        case 'refused':
          return Promise.resolve({ type: 'refused', cause: 'no' })
        case 'misdirected':
          return Promise.resolve({ type: 'misdirected', cause: 'where' })
        case 'too_large':
          return Promise.resolve({ type: 'too_large' })
        case 'partial':
          take(of, batch.slice(0, -1))
          return Promise.resolve({ type: 'delivered', rejected: 1 })
        case 'sync_throw':
          throw new Error('driver')
        case 'ambiguous_arrived':
          take(of, batch)
          return Promise.resolve({ type: 'retry', ambiguous: true, cause: 'reset' })
        case 'ambiguous_lost':
          return Promise.resolve({ type: 'retry', ambiguous: true, cause: 'reset' })
        case 'hang_arrived':
          take(of, batch)
          return new Promise(() => {})
        case 'hang_lost':
          return new Promise(() => {})
        case 'late':
          return new Promise((resolve) => {
            clock.setTimeout(() => {
              take(of, batch)
              resolve({ type: 'delivered' })
            }, 12_000)
          })
        case 'reject_arrived':
          take(of, batch)
          return Promise.reject(new Error('rejected'))
        case 'garbage_arrived':
          take(of, batch)
          return Promise.resolve({ type: 'nonsense' } as never)
      }
    },
    close: () => {
      clients[of].open -= 1
    },
  })

  const common = { batch_size: 4, queue_size: 20, flush_interval: 0.5, reset_timeout: 5, timeout: 10 }
  const telemetry = assembleTelemetry(
    {
      types: ids.map(definitionOf),
      config: {
        env: {},
        init: {
          a: { ...common, event_patterns: ['a.*'] },
          b: { ...common, event_patterns: ['b.*'] },
        },
      },
      clock,
      logger: quietLogger,
      drainOnExit: false,
    },
    machine,
  )
  return { telemetry, clock, fault, openFails, clients, sunk, crash, puts: [], removed: false }
}

async function take(world: World, step: Step): Promise<void> {
  const { telemetry, clock } = world
  const exists = (of: Id): boolean => of in telemetry.status().exporters
  switch (step.type) {
    case 'emit':
      for (let i = 0; i < step.count; i += 1) telemetry.emit(`${step.id}.${step.kind}`)
      return
    case 'fault':
      world.fault[step.id] = step.fault
      return
    case 'put':
      world.puts.push(telemetry.config.put(step.changes).catch(() => {}))
      return
    case 'advance':
      await clock.advance(step.ms)
      return
    case 'turn':
      await clock.settle(2)
      return
    case 'crash':
      world.crash(step.id)
      return
    case 'restart':
      if (exists(step.id)) world.puts.push(telemetry.restart(step.id))
      return
    case 'breaker':
      if (exists(step.id)) telemetry.breaker(step.id)[step.command]()
      return
    case 'flush':
      world.puts.push(telemetry.flush({ timeoutMs: 1000 }))
      return
    case 'open_fails':
      world.openFails[step.id] = step.fails
      return
    case 'add':
      world.puts.push(
        telemetry.config
          .put({ 'c.batch_size': 4, 'c.event_patterns': ['c.*'], 'c.flush_interval': 0.5 })
          .catch(() => {}),
      )
      return
    case 'remove':
      world.removed = true
      world.puts.push(telemetry.config.unset('c').catch(() => {}))
      return
  }
}

const assertAllExact = ({ telemetry }: World, after: string): void => {
  for (const [of, { ledger }] of Object.entries(telemetry.status().exporters))
    assertExact(ledger, `${of} after ${after}:`)
}

/** Everything is mended: what was asked settles, and what is enabled delivers what it has. */
async function recover(world: World): Promise<void> {
  const { telemetry, clock, fault, openFails } = world
  for (const of of ids) {
    fault[of] = 'delivered'
    openFails[of] = false
  }
  await clock.advance(30_000)
  for (const [of, { state }] of Object.entries(telemetry.status().exporters)) {
    telemetry.breaker(of).reset()
    if (state === 'failed') world.puts.push(telemetry.restart(of))
  }
  await clock.advance(30_000)
  let settled = false
  void Promise.all(world.puts).then(() => {
    settled = true
  })
  await clock.settle(3)
  assert.ok(settled, 'every change, flush and restart has settled')
  for (const [of, { state, config, ledger }] of Object.entries(telemetry.status().exporters)) {
    assert.equal(state, config.enabled ? 'serving' : 'disabled', `${of} has recovered`)
    const { queued, in_flight, buffered } = ledger.pending
    assert.equal(queued + in_flight + buffered, 0, `${of} has delivered: ${JSON.stringify(ledger)}`)
    assert.equal(world.clients[of as Id].open, config.enabled ? 1 : 0, `${of} has the client it needs`)
  }
}

async function runSchedule(steps: readonly Step[], ambiguous: boolean, recovers: boolean): Promise<void> {
  const world = createWorld()
  const { telemetry, clock, sunk } = world
  let settled = false
  try {
    await telemetry.start()
    for (const step of steps) {
      await take(world, step)
      assertAllExact(world, JSON.stringify(step))
    }
    if (recovers) await recover(world)
  } finally {
    const stopping = telemetry.stop({ timeoutMs: 5000 }).finally(() => {
      settled = true
    })
    const from = clock.now()
    await clock.until(() => settled, { stepMs: 250 })
    assert.ok(clock.now() - from <= 5500, `stop took ${clock.now() - from} ms`)
    await stopping
  }
  await Promise.all(world.puts)
  // Whatever a driver settles after the end changes no ledger.
  const report = await telemetry.stop()
  await clock.advance(20_000)
  const { exporters, bus } = telemetry.status()
  let accepted = 0
  for (const [of, { open, most }] of Object.entries(world.clients)) {
    assert.equal(open, 0, `${of} has closed its clients`)
    assert.ok(most <= 3, `${of} had ${most} clients at once`)
  }
  for (const [of, { ledger }] of Object.entries(exporters)) {
    assertExact(ledger, `${of} at the end:`)
    assert.equal(totalPending(ledger), 0, `${of} has nothing pending`)
    assert.deepEqual(ledger, report.exporters[of], 'the report is final')
    accepted += ledger.accepted
    if (world.removed && of === 'c') continue
    const taken = sunk[of as Id]
    assert.ok(taken >= ledger.delivered, `${of}: ${taken} arrived, ${ledger.delivered} delivered`)
    assert.ok(
      taken <= ledger.delivered + ledger.ambiguous,
      `${of}: ${taken} arrived, ${JSON.stringify(ledger)}`,
    )
    if (!ambiguous) assert.equal(taken, ledger.delivered, `${of} knows exactly what arrived`)
  }
  assert.equal(clock.timers, 0, 'no timer is left')
  if (!world.removed) assert.equal(accepted, bus.emitted - bus.unrouted, 'what was routed was accepted')
}

describe('the ledger', function () {
  this.timeout(nightly ? 3_600_000 : 300_000)
  const uncaught: unknown[] = []
  const note = (error: unknown): number => uncaught.push(error)
  before(() => {
    process.on('uncaughtException', note)
    process.on('unhandledRejection', note)
  })
  after(() => {
    process.off('uncaughtException', note)
    process.off('unhandledRejection', note)
    assert.deepEqual(uncaught, [])
  })

  const exactFaults = faults.filter((fault) => !ambiguousFaults.has(fault))

  it('adds up after every step, and knows exactly what arrived where no fault is ambiguous', () =>
    fc.assert(
      fc.asyncProperty(stepsOf(exactFaults), recovering, (steps, recovers) =>
        runSchedule(steps, false, recovers),
      ),
      profile,
    ))

  it('adds up after every step of any schedule, and bounds what arrived', () =>
    fc.assert(
      fc.asyncProperty(stepsOf(faults), recovering, (steps, recovers) => runSchedule(steps, true, recovers)),
      profile,
    ))
})
