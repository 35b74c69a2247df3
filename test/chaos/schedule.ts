import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { createPatience } from '../../src/testing/patience.ts'
import { inTime } from '../support/in-time.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { operations, scrape } from './operations.ts'
import { createRandom } from './random.ts'
import { assertQuiet, keepVigil } from './vigil.ts'
import { createWorld, fileOf, type World } from './world.ts'

/** What became of one schedule. */
export interface ScheduleReport {
  readonly seed: number
  readonly events: number
  readonly operations: number
  readonly requests: number
  readonly faulted: number
  readonly faults: ReadonlyMap<string, number>
  readonly delivered: number
  readonly ambiguous: number
}

export interface ScheduleOptions {
  readonly seed: number
  readonly operations: number
}

/** Queues may hold so many events at the most, whatever they were configured to meanwhile. */
const mostPending = 2 * (3_000 + 7 * 512)

/** The events that an independent receiver took lie between these two: docs/ledger.md. */
const exact = ['otel_a', 'otel_tls', 'datadog'] as const

const sumOf = (page: string, name: string): number | undefined => {
  const lines = page.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  return lines.length === 0 ? undefined : lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/** The counters of the metrics page never decrease. */
function createPageCheck(world: World): () => Promise<void> {
  let before = 0
  return async () => {
    const page = await scrape(world)
    const hits = page === undefined ? undefined : sumOf(page, 'dd_hit_total')
    if (hits === undefined) return
    assert.ok(hits >= before, `dd_hit_total fell from ${before} to ${hits}`)
    before = hits
  }
}

function check(world: World, complaints: readonly string[], after: string): void {
  const { telemetry, receivers, watch } = world
  const { exporters } = telemetry.status()
  for (const [id, { ledger }] of Object.entries(exporters)) {
    assertExact(ledger, `${id} after ${after}:`)
    const { queued, in_flight } = ledger.pending
    // An item of datadog sums any number of events up.
    assert.ok(
      id === 'datadog' || queued + in_flight <= mostPending,
      `${id} has ${queued + in_flight} events pending after ${after}`,
    )
  }
  for (const [id, all] of Object.entries(receivers))
    for (const { violations } of all) assert.deepEqual(violations, [], `${id} was sent nonsense`)
  assert.deepEqual(watch.late(), [], `not settled in time, after ${after}`)
  assertQuiet(complaints, `after ${after}`)
}

/** Everything is mended: what is pending is delivered, in the time that breakers and backoffs take. */
async function recover(world: World, complaints: readonly string[]): Promise<void> {
  const { telemetry, receivers, random, watch, mock, file } = world
  for (const one of Object.values(receivers).flat()) {
    one.mood('healthy')
    await one.refuse(false)
    one.cut()
  }
  mock.hostile = false
  writeFileSync(file, fileOf(20))
  // A backend that asked for minutes is given up for another one; else time alone has to heal it.
  const moves = Object.values(receivers).some((all) => all.some(({ askedToWait }) => askedToWait > 0))
  const ways = ['otel_a', 'otel_tls', 'otel_package'] as const
  const changes = {
    ...Object.fromEntries(
      ways.map((id) => [`${id}.endpoint`, `${receivers[id]![0]!.url}${moves ? '?moved' : ''}`]),
    ),
    'datadog.api_url': `${receivers.datadog![0]!.url}${moves ? '/moved' : ''}`,
    ...Object.fromEntries([...ways, 'datadog', 'mock', 'prometheus'].map((id) => [`${id}.enabled`, true])),
    ...Object.fromEntries([...ways, 'datadog', 'mock'].map((id) => [`${id}.timeout`, 5])),
  }
  // A disabled exporter takes what only its opening can find wrong.
  await watch.follow('unset', 40_000, telemetry.config.unset('otel_tls.certificate'))
  // It is a change like any other: nothing that went before may have it refused.
  const last = telemetry.config.put(changes)
  await watch.follow('the last put', 40_000, last)
  await last
  if (moves && telemetry.config.get('otel_x') !== undefined)
    await telemetry.config.put('otel_x.endpoint', `${receivers.otel_x![0]!.url}?moved`)
  const { exporters } = telemetry.status()
  for (const [id, { breaker }] of Object.entries(exporters))
    if (id !== 'prometheus' && (breaker === 'forced_open' || breaker === 'disabled'))
      telemetry.breaker(id).reset()
  const kicks = random.chance(0.7)
  const isOver = createPatience(45_000)
  const open = (): string[] =>
    Object.entries(telemetry.status().exporters)
      .filter(
        ([
          id,
          {
            state,
            ledger: { pending },
          },
        ]) => {
          if (state === 'failed') void watch.follow('restart', 10_000, telemetry.restart(id))
          const { queued, in_flight, buffered, spooled = 0 } = pending
          return state !== 'serving' || queued + in_flight + buffered + spooled > 0
        },
      )
      .map(([id, { state, breaker, ledger, lastError }]) =>
        JSON.stringify({ id, state, breaker, ledger, lastError }),
      )
  while (open().length > 0) {
    check(world, complaints, 'the faults')
    if (isOver()) assert.fail(`not delivered: ${open().join('\n')}\n${JSON.stringify(telemetry.snapshot())}`)
    if (kicks) await watch.follow('flush', 10_000, telemetry.flush({ timeoutMs: 500 }))
    else await pause(20)
  }
  const flushed = await telemetry.flush({ timeoutMs: 60_000 })
  assert.equal(flushed.complete, true, JSON.stringify(flushed.exporters))
}

/** Runs the schedule of a seed, and fails with what went wrong, and how to see it again. */
export async function runSchedule({ seed, operations: count }: ScheduleOptions): Promise<ScheduleReport> {
  const random = createRandom(seed)
  const vigil = keepVigil()
  const world = await createWorld(random)
  const { telemetry, receivers, counts, mock } = world
  const took: string[] = []
  let stopped = false
  try {
    const checkPage = createPageCheck(world)
    await telemetry.start()
    for (let i = 0; i < count; i += 1) {
      const { name, act } = random.choose(operations)
      took.push(name)
      counts.operations += 1
      await Promise.race([act(world), pause(random.pick([0, 0, 1, 5, 15]))])
      check(world, vigil.complaints, name)
      if (i % 25 === 0) await checkPage()
    }
    const recovers = random.chance(0.75)
    if (recovers) await recover(world, vigil.complaints)
    await checkPage()
    const timeoutMs = recovers ? 5_000 : random.pick([0, 100, 1_000])
    const report = await inTime(timeoutMs + 5_000, `a stop in ${timeoutMs} ms`, telemetry.stop({ timeoutMs }))
    stopped = true
    check(world, vigil.complaints, 'the stop')
    await settle(world, vigil.left)
    check(world, vigil.complaints, 'the end')
    for (const [id, ledger] of Object.entries(report.exporters)) {
      assertExact(ledger, `${id} at the end:`)
      // What could not be delivered stays on disk, where there is one.
      assert.equal(totalPending(ledger) - (ledger.pending.spooled ?? 0), 0, `${id} has nothing pending`)
      assert.deepEqual(telemetry.status().exporters[id]?.ledger, ledger, 'the report is final')
    }
    const taken: Record<string, number> = { mock: mock.taken }
    for (const id of exact) taken[id] = receivers[id]!.reduce((sum, one) => sum + one.taken, 0)
    for (const [id, events] of Object.entries(taken)) {
      const { delivered, ambiguous } = report.exporters[id]!
      const bounds = `${id}: ${JSON.stringify(report.exporters[id])} ${events} events taken, delivered ${delivered}, ambiguous ${ambiguous}`
      assert.ok(events >= delivered && events <= delivered + ambiguous, bounds)
    }
    const ledgers = Object.values(report.exporters)
    const all = Object.values(receivers).flat()
    return {
      seed,
      events: counts.events,
      operations: counts.operations,
      requests: all.reduce((sum, { requests }) => sum + requests, 0),
      faulted: all.reduce((sum, { faulted }) => sum + faulted, 0),
      faults: counts.faults,
      delivered: ledgers.reduce((sum, { delivered }) => sum + delivered, 0),
      ambiguous: ledgers.reduce((sum, { ambiguous }) => sum + ambiguous, 0),
    }
  } catch (error) {
    const last = took.slice(-25).join(', ')
    throw new Error(`TELEMACHINE_SEED=${seed} failed, after ${took.length} operations: … ${last}`, {
      cause: error,
    })
  } finally {
    if (!stopped) await telemetry.stop({ timeoutMs: 0 })
    await world.close()
    vigil.end()
  }
}

/** After a stop nothing of ours is left: no socket, no timer, no promise. */
async function settle(world: World, left: () => readonly string[]): Promise<void> {
  const { receivers, watch, timers } = world
  const all = Object.values(receivers).flat()
  assert.equal(timers(), 0, `${timers()} timers are left`)
  const connections = (): number => all.reduce((sum, one) => sum + one.connections, 0)
  const isOver = createPatience(10_000)
  while (watch.open > 0 || connections() > 0) {
    if (isOver()) assert.fail(`left: ${watch.open} promises, ${connections()} connections, ${left().join()}`)
    // What the backends keep silent about ends with their own sockets.
    for (const one of all) one.cut()
    await pause(5)
  }
}
