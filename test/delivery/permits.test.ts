/**
 * Nothing is sent that the breaker has not granted: while it is open no attempt begins, a half-open breaker lets one
 * through at a time, and a closed one never more than max_in_flight, whatever operators, changes, crashes, flushes and
 * backends do. Once everything is mended, everything is delivered.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ExportContext } from '../../src/exporters/exporter.ts'
import type { Outcome } from '../../src/exporters/outcome.ts'
import { mortalSystem } from '../../src/testing/mortal.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { createDriver, delivered } from '../support/scripted-driver.ts'
import { startSimulated } from '../support/simulated-telemetry.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'

type Step =
  | { type: 'emit'; count: number }
  | { type: 'reply'; reply: keyof typeof replies }
  | { type: 'answer' }
  | { type: 'command'; command: 'forceOpen' | 'disable' | 'reset' }
  | { type: 'put'; changes: Record<string, unknown> }
  | { type: 'advance'; ms: number }
  | { type: 'flush' | 'restart' | 'crash' | 'turn' }

const replies = {
  delivered,
  down: { type: 'retry', cause: new Error('down') },
  busy: { type: 'retry', afterSeconds: 2, cause: new Error('busy') },
  doubtful: { type: 'retry', ambiguous: true, cause: new Error('reset') },
  refused: { type: 'refused', cause: new Error('no') },
  misdirected: { type: 'misdirected', cause: new Error('where') },
  too_large: { type: 'too_large' },
  hang: undefined,
} as const satisfies Record<string, Outcome | undefined>

const constant = <const Value>(value: Value) => fc.constant(value)
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ type: constant('emit'), count: fc.integer({ min: 1, max: 20 }) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        type: constant('reply'),
        reply: fc.constantFrom(...(Object.keys(replies) as (keyof typeof replies)[])),
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: constant('answer') }) },
    {
      weight: 4,
      arbitrary: fc.record({
        type: constant('command'),
        command: fc.constantFrom('forceOpen' as const, 'disable' as const, 'reset' as const),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        type: constant('put'),
        changes: fc.oneof(
          fc.record({ 'test.endpoint': fc.constantFrom('one', 'two', 'three') }),
          fc.record({ 'test.address': fc.constantFrom('here', 'there') }),
          fc.record({ 'test.enabled': fc.boolean() }),
          fc.record({ 'test.max_in_flight': fc.integer({ min: 1, max: 4 }) }),
          fc.record({ 'test.batch_size': fc.integer({ min: 1, max: 6 }) }),
          fc.record({ 'test.flush_interval': fc.constantFrom(0, 0.1, 2) }),
          fc.record({ 'test.failure_threshold': fc.integer({ min: 1, max: 4 }) }),
        ),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        type: constant('advance'),
        ms: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 500, max: 12_000 })),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constantFrom('flush', 'flush', 'restart', 'crash', 'turn') }),
    },
  ) as fc.Arbitrary<Step>,
  { maxLength: nightly ? 120 : 30, size: 'max' },
)

async function run(sequence: readonly Step[]): Promise<void> {
  const { machine, crash } = mortalSystem()
  const violations: string[] = []
  let reply: Outcome | undefined = delivered
  let maxInFlight = 2
  const driver = createDriver('test')
  const inFlight = new Map<unknown, number>()
  const { definition } = driver
  const watched = {
    ...definition,
    export(client: unknown, batch: readonly never[], context: ExportContext<never>): Promise<Outcome> {
      const { state, breaker } = rig.telemetry.status().exporters.test!
      const now = (inFlight.get(client) ?? 0) + 1
      inFlight.set(client, now)
      // A drain has one permit for all it sends.
      if (state !== 'draining' && (breaker === 'forced_open' || breaker === 'open'))
        violations.push(`an attempt under ${breaker}, ${state}`)
      if (state !== 'draining' && breaker === 'half_open' && now > 1)
        violations.push(`${now} attempts at once under half_open`)
      // A drain keeps one more worker than what hangs.
      if (now > maxInFlight + 1) violations.push(`${now} attempts at once of ${maxInFlight}, ${state}`)
      let over = false
      const end = (): void => {
        if (!over) inFlight.set(client, (inFlight.get(client) ?? 1) - 1)
        over = true
      }
      context.signal.addEventListener('abort', end)
      return (definition.export!(client, batch, context) as Promise<Outcome>).finally(end)
    },
  }
  driver.reply = () => reply
  const rig = await startSimulated(
    [watched],
    {
      test: {
        event_patterns: ['app.*'],
        batch_size: 4,
        max_in_flight: maxInFlight,
        flush_interval: 0.1,
        reset_timeout: 3,
        timeout: 5,
        drain_timeout: 2,
      },
    },
    machine,
  )
  const { telemetry, clock } = rig
  const asked: Promise<unknown>[] = []
  const take = async (step: Step): Promise<void> => {
    switch (step.type) {
      case 'emit':
        rig.emit(step.count)
        return
      case 'reply':
        reply = replies[step.reply]
        return
      case 'answer':
        for (const call of driver.calls) call.answer(delivered)
        return
      case 'command':
        telemetry.breaker('test')[step.command]()
        return
      case 'put': {
        const most = step.changes['test.max_in_flight']
        if (typeof most === 'number') maxInFlight = Math.max(maxInFlight, most)
        asked.push(telemetry.config.put(step.changes).catch(() => {}))
        return
      }
      case 'advance':
        await clock.advance(step.ms)
        return
      case 'flush':
        asked.push(telemetry.flush({ timeoutMs: 1_000 }))
        return
      case 'restart':
        asked.push(telemetry.restart('test'))
        return
      case 'crash':
        crash('test')
        return
      case 'turn':
        await clock.settle(1)
        return
    }
  }
  try {
    for (const step of sequence) {
      await take(step)
      assertExact(rig.ledger(), JSON.stringify(step))
      assert.deepEqual(violations, [], JSON.stringify(step))
    }
    reply = delivered
    asked.push(telemetry.config.put({ 'test.enabled': true }).catch(() => {}))
    telemetry.breaker('test').reset()
    await clock.advance(45_000)
    if (rig.state() === 'failed') asked.push(telemetry.restart('test'))
    await clock.advance(30_000)
    let settled = false
    void Promise.all(asked).then(() => {
      settled = true
    })
    await clock.settle(3)
    assert.ok(settled, 'all that was asked has settled')
    const { state, ledger } = telemetry.status().exporters.test!
    assert.deepEqual([state, totalPending(ledger)], ['serving', 0], JSON.stringify(telemetry.snapshot()))
    assert.deepEqual(violations, [])
  } finally {
    await rig.end()
  }
  assert.equal(driver.open.length, 0)
  assert.equal(clock.timers, 0)
}

describe('permits', function () {
  this.timeout(nightly ? 3_600_000 : 300_000)

  it('are what every attempt has, and lead to delivery in the end', () =>
    fc.assert(fc.asyncProperty(steps, run), {
      numRuns: nightly ? 2_000 : 60,
      interruptAfterTimeLimit: nightly ? 3_000_000 : 60_000,
    }))
})
