/**
 * Delivery, breaker and exporter stay in step, whatever backends, operators, changes, flushes and crashes do: no attempt
 * without a permit, no permit lost, no wake-up missed, no flush that hangs.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Outcome } from '../../src/exporters/outcome.ts'
import { type Chart, startCrashable } from '../machines/crashable.ts'
import { leavesOf } from '../machines/table.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { type Call, createDriver, delivered, down } from '../support/scripted-driver.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'

const maxInFlight = 2
const resetTimeoutS = 20

const outcomes: Readonly<Record<string, Outcome>> = {
  delivered,
  down,
  'asks for time': { type: 'retry', cause: 'busy', afterSeconds: 2 },
  'is lost': { type: 'retry', cause: 'reset', ambiguous: true },
  refused: { type: 'refused', cause: 'no' },
  unhealthy: { type: 'refused', cause: 'no', unhealthy: true },
  misdirected: { type: 'misdirected', cause: 'who?' },
  'too large': { type: 'too_large' },
  'too large to send': { type: 'too_large', unsent: true },
}
const answer = fc.constantFrom(...Object.keys(outcomes))

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('emit' as const), count: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('backend' as const), answer }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('backend hangs' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('answers what hangs' as const), answer }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('time passes' as const), ms: fc.integer({ min: 1, max: 4_000 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('flush' as const), ms: fc.integer({ min: 1, max: 3_000 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('moves' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('opening fails', 'opening hangs', 'opening works') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('moves in place', 'hot change', 'is disabled', 'is enabled', 'restarts'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('operator' as const),
      command: fc.constantFrom('forceOpen' as const, 'disable' as const, 'reset' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      chart: fc.constantFrom<Chart>('exporter', 'delivery', 'breaker'),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never

async function run(steps: readonly Step[]): Promise<void> {
  const driver = createDriver()
  const rig = await startCrashable([driver.definition], {
    test: {
      ...{ event_patterns: ['app.*'], batch_size: 2, max_in_flight: maxInFlight, failure_threshold: 3 },
      ...{ timeout: 3, open_timeout: 2, drain_timeout: 2, reset_timeout: resetTimeoutS },
    },
  })
  const { telemetry, clock } = rig
  const running = new Set<Call>()
  const flushes = new Set<{ readonly deadline: number }>()
  const broken: string[] = []
  let reply: Outcome | undefined = delivered
  let moves = 0

  const onClient = (client: unknown): number =>
    [...running].filter(({ endpoint }) => endpoint === client).length
  driver.reply = (call) => {
    const breaker = rig.breaker()
    if (breaker === 'open' || breaker === 'forced_open')
      broken.push(`an attempt begins while the breaker is ${breaker}`)
    if (reply) return reply
    running.add(call)
    call.signal.addEventListener('abort', () => running.delete(call))
    // A drain has one worker beside attempts that hang.
    const limit = maxInFlight + (rig.state() === 'draining' ? 1 : 0)
    const count = onClient(call.endpoint)
    if (count > limit) broken.push(`${count} attempts at ${call.endpoint}`)
    return undefined
  }
  const settleOne = (outcome: Outcome): void => {
    const [call] = running
    if (!call) return
    running.delete(call)
    call.answer(outcome)
  }
  const put = (key: string, value: unknown): void => {
    telemetry.config.put(key, value).catch(() => {})
  }
  const flush = (timeoutMs: number): void => {
    const pending = { deadline: clock.monotonic() + timeoutMs }
    flushes.add(pending)
    void telemetry.flush({ timeoutMs }).then(() => flushes.delete(pending))
  }

  const stateOf = (chart: Chart): string => String(leavesOf(rig.actor(chart).getSnapshot().value))

  /** With a backend that is well: done within a second, or told no because the breaker lets nobody probe. */
  const flushNow = async (): Promise<void> => {
    const begun = clock.monotonic()
    let complete: boolean | undefined
    void telemetry.flush({ timeoutMs: 60_000 }).then((flushed) => {
      complete = flushed.complete
    })
    await clock.until(() => complete !== undefined, { stepMs: 50 })
    const tookMs = clock.monotonic() - begun
    assert.ok(tookMs <= 1_000, `a flush took ${tookMs} ms`)
    const { urgentSpent } = rig.actor('breaker').getSnapshot().context as { urgentSpent: boolean }
    assert.ok(complete || urgentSpent, 'a flush is complete')
  }

  for (const one of steps) {
    switch (one.do) {
      case 'emit':
        rig.emit('count' in one ? one.count : 0)
        break
      case 'backend':
        reply = outcomes['answer' in one ? one.answer : '']
        break
      case 'backend hangs':
        reply = undefined
        break
      case 'answers what hangs':
        settleOne(outcomes['answer' in one ? one.answer : ''] ?? delivered)
        break
      case 'time passes':
        await clock.advance('ms' in one ? one.ms : 0)
        break
      case 'flush':
        flush('ms' in one ? one.ms : 0)
        break
      case 'moves':
        moves += 1
        put('test.endpoint', `place ${moves}`)
        break
      case 'moves in place':
        moves += 1
        put('test.address', `place ${moves}`)
        break
      case 'hot change':
        put('test.flush_interval', 0.2)
        break
      case 'is disabled':
        put('test.enabled', false)
        break
      case 'is enabled':
        put('test.enabled', true)
        break
      case 'restarts':
        void telemetry.restart('test')
        break
      case 'opening fails':
        driver.opening = () => Promise.reject(new Error('no'))
        break
      case 'opening hangs':
        driver.opening = () => new Promise(() => {})
        break
      case 'opening works':
        driver.opening = () => {}
        break
      case 'operator':
        if ('command' in one) telemetry.breaker('test')[one.command]()
        break
      case 'crash':
        if ('chart' in one) await rig.crash('test', one.chart)
        break
      default:
        throw new Error(JSON.stringify(one))
    }
    await clock.settle(3)
    assertExact(rig.ledger())
    assert.deepEqual(broken, [])
    for (const { deadline } of flushes)
      assert.ok(clock.monotonic() <= deadline + 1, 'a flush is over when its time is')
  }

  // Everything is well again: it delivers what it has by itself, unless an operator or too many crashes keep it from it.
  reply = delivered
  driver.opening = () => {}
  while (running.size > 0) settleOne(delivered)
  if (rig.breaker() === 'forced_open') telemetry.breaker('test').reset()
  await clock.settle()
  if (rig.state() === 'failed') await telemetry.restart('test')
  put('test.enabled', true)
  await clock.settle()
  if (rig.state() === 'serving' && stateOf('delivery') !== 'working.deferred') await flushNow()
  for (let turn = 0; rig.state() !== 'serving' || totalPending(rig.ledger()) > 0; turn += 1) {
    assert.ok(
      turn < 2 * resetTimeoutS,
      `still ${rig.state()}, ${rig.breaker()}, ${JSON.stringify(rig.ledger().pending)}, ${JSON.stringify(telemetry.snapshot().exporters.test)}`,
    )
    await rig.pass(2)
  }
  assertExact(rig.ledger())
  assert.deepEqual(broken, [])
}

describe('delivery, breaker and exporter', () => {
  afterEach(endSimulated)

  it('stay in step on any schedule', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        try {
          await run(steps)
        } finally {
          await endSimulated()
        }
      }),
      { numRuns: Number(process.env.RACES ?? 100), interruptAfterTimeLimit: 100_000 },
    )
  })
})
