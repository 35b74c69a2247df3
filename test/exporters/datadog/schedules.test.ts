// Guards the ledger where one batch meets two endpoints that answer as they like: what is delivered has arrived, what
// is dropped has not, and no part arrives twice.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { assertExact } from '../../support/ledger.ts'
import { createFakeDatadog } from './fake.ts'
import { startDatadog } from './simulated-datadog.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'

const answers = [202, 202, 202, 400, 403, 408, 413, 429, 501, 503] as const

type Step =
  | { readonly type: 'emit'; readonly kind: 'count' | 'duration' | 'both'; readonly times: number }
  | { readonly type: 'flush' }
  | { readonly type: 'rotate' }
  | { readonly type: 'advance'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('emit' as const),
      kind: fc.constantFrom('count', 'duration', 'both'),
      times: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ type: 'flush' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'rotate' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
  },
)

async function play(steps: readonly Step[], replies: readonly number[], batchSize: number): Promise<void> {
  const fake = createFakeDatadog()
  await fake.listen()
  const running = await startDatadog({
    ...{ api_key: 'dd-key-0', api_url: fake.url, batch_size: batchSize },
    ...{ reset_timeout: 2, retry_attempts: 1, max_in_flight: 2 },
    // Simulated time flies past real answers: it is to cut no attempt, which would make it ambiguous.
    ...{ timeout: 3600, drain_timeout: 3600 },
  })
  const { telemetry, clock, ledger } = running
  const left = [...replies]
  const counted: string[] = []
  fake.reply = ({ path, body }) => {
    const status = left.shift() ?? 202
    if (status === 202 && path === '/api/v2/series')
      for (const { tags } of body.series) counted.push(String(tags))
    return { status }
  }
  const emitted: { readonly n: number; readonly kind: string }[] = []
  let rotations = 0
  try {
    for (const one of steps) {
      if (one.type === 'emit')
        for (let i = 0; i < one.times; i++) {
          const n = emitted.length
          emitted.push({ n, kind: one.kind })
          const measurements: Record<string, number> = {}
          if (one.kind !== 'duration') measurements.count = 1
          if (one.kind !== 'count') measurements.duration_ms = n
          telemetry.emit('job.done', measurements, { n })
        }
      else if (one.type === 'flush') void telemetry.flush({ timeoutMs: 1000 })
      else if (one.type === 'rotate')
        await telemetry.config.put('telemetry.datadog.api_key', `dd-key-${++rotations}`)
      else await clock.advance(one.ms)
      await clock.settle(3)
      assertExact(running.ledger())
    }
    const pending = (): number => Object.values(ledger().pending).reduce((sum, part) => sum + part, 0)
    await clock.until(() => pending() === 0, { stepMs: 1000 })
    assertExact(running.ledger())

    const counts = new Set(counted)
    const values = fake.values('job.done.duration_ms')
    const whole = emitted.filter(
      ({ n, kind }) =>
        (kind === 'duration' || counts.has(`n:${n}`)) && (kind === 'count' || values.includes(n)),
    ).length
    const { delivered, ambiguous } = ledger()
    // Only an attempt that was cut, by a second change of the key, may have arrived and be sent again.
    assert.ok(values.length - new Set(values).size <= ambiguous, 'a value twice')
    assert.ok(counted.length - counts.size <= ambiguous, 'a count twice')
    assert.ok(
      delivered <= whole && whole <= delivered + ambiguous,
      `${whole} of ${emitted.length} arrived whole: ${JSON.stringify(ledger())}`,
    )
    assert.deepEqual(fake.violations, [])
  } finally {
    await telemetry.stop({ timeoutMs: 100 })
    await fake.close()
  }
}

describe('the ledger of datadog', () => {
  it('agrees with what arrived, however the two endpoints answer', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 15 }),
        fc.array(fc.constantFrom(...answers), { maxLength: 25 }),
        fc.constantFrom(2, 7, 512),
        play,
      ),
      { numRuns: nightly ? 600 : 20, interruptAfterTimeLimit: 50_000 },
    )
  })
})
