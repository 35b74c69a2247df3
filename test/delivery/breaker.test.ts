// Guards the stand-alone breaker: when it opens, probes and closes, one sentence for each rule.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createBreaker, TelemetryError } from '../../src/index.ts'
import { createSimulatedClock } from '../../src/testing/index.ts'

const trip = (breaker: ReturnType<typeof createBreaker>, times = 5): void => {
  for (let i = 0; i < times; i += 1) breaker.acquire()?.failed()
}

describe('a circuit breaker', () => {
  it('is closed at first and opens at five consecutive failures', () => {
    const breaker = createBreaker({ clock: createSimulatedClock() })
    trip(breaker, 4)
    assert.equal(breaker.state, 'closed')
    trip(breaker, 1)
    assert.equal(breaker.state, 'open')
    assert.equal(breaker.acquire(), undefined)
  })

  it('starts counting again after a success', () => {
    const breaker = createBreaker({ clock: createSimulatedClock() })
    trip(breaker, 4)
    breaker.acquire()?.succeeded()
    trip(breaker, 4)
    assert.equal(breaker.state, 'closed')
  })

  it('takes a refusal for a sign of life, not for a failure', () => {
    const breaker = createBreaker({ clock: createSimulatedClock() })
    for (let i = 0; i < 50; i += 1) breaker.acquire()?.rejected()
    assert.equal(breaker.state, 'closed')
  })

  it('shows half_open by itself, at exactly the reset timeout', () => {
    const clock = createSimulatedClock()
    const breaker = createBreaker({ clock, resetTimeoutMs: 1000 })
    trip(breaker)
    clock.increment(999)
    assert.equal(breaker.state, 'open')
    clock.increment(1)
    assert.equal(breaker.state, 'half_open')
  })

  it('lets a single probe through while half open', () => {
    const clock = createSimulatedClock()
    const breaker = createBreaker({ clock, resetTimeoutMs: 1000 })
    trip(breaker)
    clock.increment(1000)
    const probe = breaker.acquire()
    assert.ok(probe)
    assert.equal(breaker.acquire(), undefined)
    probe.succeeded()
    assert.equal(breaker.state, 'closed')
    assert.ok(breaker.acquire())
  })

  it('is open for a full reset timeout again after a failed probe', () => {
    const clock = createSimulatedClock()
    const breaker = createBreaker({ clock, resetTimeoutMs: 1000 })
    trip(breaker)
    clock.increment(1000)
    breaker.acquire()?.failed()
    assert.equal(breaker.state, 'open')
    clock.increment(999)
    assert.equal(breaker.state, 'open')
    clock.increment(1)
    assert.equal(breaker.state, 'half_open')
  })

  it('frees the slot of a cancelled probe', () => {
    const clock = createSimulatedClock()
    const breaker = createBreaker({ clock, resetTimeoutMs: 1000 })
    trip(breaker)
    clock.increment(1000)
    breaker.acquire()?.cancelled()
    assert.equal(breaker.state, 'half_open')
    assert.ok(breaker.acquire())
  })

  it('frees the slot of a probe that never reports, after its deadline', () => {
    const clock = createSimulatedClock()
    const breaker = createBreaker({ clock, resetTimeoutMs: 1000, probeTimeoutMs: 300 })
    trip(breaker)
    clock.increment(1000)
    const lost = breaker.acquire()
    assert.ok(lost)
    clock.increment(300)
    assert.equal(breaker.state, 'half_open')
    const next = breaker.acquire()
    assert.ok(next)
    lost.failed()
    assert.equal(breaker.state, 'half_open', 'a result of an older generation changes nothing')
    next.succeeded()
    assert.equal(breaker.state, 'closed')
  })

  it('ignores results of permits from before it opened', () => {
    const clock = createSimulatedClock()
    const breaker = createBreaker({ clock, resetTimeoutMs: 1000 })
    const early = breaker.acquire()
    trip(breaker)
    early?.succeeded()
    assert.equal(breaker.state, 'open')
  })

  it('settles a permit once', () => {
    const breaker = createBreaker({ clock: createSimulatedClock(), failureThreshold: 2 })
    const permit = breaker.acquire()
    permit?.failed()
    permit?.failed()
    assert.equal(breaker.state, 'closed')
  })

  it('obeys an operator: forced open, disabled, reset', () => {
    const clock = createSimulatedClock()
    const breaker = createBreaker({ clock, resetTimeoutMs: 1000 })
    breaker.forceOpen()
    clock.increment(10_000)
    assert.equal(breaker.state, 'forced_open')
    assert.equal(breaker.acquire(), undefined)
    breaker.disable()
    trip(breaker, 50)
    assert.equal(breaker.state, 'disabled')
    assert.ok(breaker.acquire())
    breaker.reset()
    assert.equal(breaker.state, 'closed')
  })

  it('applies a lowered threshold at the next failure and a changed reset timeout at the next opening', () => {
    const clock = createSimulatedClock()
    const breaker = createBreaker({ clock, resetTimeoutMs: 1000 })
    trip(breaker, 3)
    breaker.configure({ failureThreshold: 2 })
    assert.equal(breaker.state, 'closed')
    trip(breaker, 1)
    assert.equal(breaker.state, 'open')
    breaker.configure({ resetTimeoutMs: 5000 })
    clock.increment(1000)
    assert.equal(breaker.state, 'half_open', 'this opening keeps its timeout')
    breaker.acquire()?.failed()
    clock.increment(4999)
    assert.equal(breaker.state, 'open')
    clock.increment(1)
    assert.equal(breaker.state, 'half_open')
  })

  it('refuses options that make no sense', () => {
    for (const options of [
      { failureThreshold: 0 },
      { failureThreshold: 1.5 },
      { resetTimeoutMs: Number.NaN },
    ])
      assert.throws(
        () => createBreaker(options),
        (error) => error instanceof TelemetryError,
      )
  })

  it('agrees with a simple model on any schedule', () => {
    const step = fc.oneof(
      fc.constantFrom('succeeded' as const, 'failed' as const, 'rejected' as const, 'cancelled' as const),
      fc.integer({ min: 1, max: 1500 }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const clock = createSimulatedClock()
        const breaker = createBreaker({ clock, failureThreshold: 3, resetTimeoutMs: 1000 })
        let failures = 0
        let state = 'closed' as 'closed' | 'open' | 'half_open'
        let openUntil = 0
        for (const next of steps) {
          if (typeof next === 'number') {
            clock.increment(next)
            if (state === 'open' && clock.now() >= openUntil) state = 'half_open'
          } else {
            const permit = breaker.acquire()
            assert.equal(permit !== undefined, state !== 'open')
            permit?.[next]()
            if (permit && next === 'failed') failures += 1
            if (permit && (next === 'succeeded' || next === 'rejected')) {
              failures = 0
              state = 'closed'
            }
            if (permit && next === 'failed' && (state === 'half_open' || failures >= 3)) {
              state = 'open'
              failures = 0
              openUntil = clock.now() + 1000
            }
          }
          assert.equal(breaker.state, state)
        }
      }),
    )
  })

  it('calls what it is given while it may, and settles the permit by how that ends', async () => {
    const breaker = createBreaker({ failureThreshold: 2, clock: createSimulatedClock() })
    assert.equal(await breaker.execute(() => 7), 7)
    assert.equal(await breaker.execute(async () => 'later'), 'later')
    const bad = new Error('400')
    const down = new Error('503')
    const fails = (error: Error) => () => Promise.reject(error)
    for (let i = 0; i < 5; i += 1)
      await assert.rejects(breaker.execute(fails(bad), { isFailure: (error) => error !== bad }), bad)
    assert.equal(breaker.state, 'closed')
    await assert.rejects(breaker.execute(fails(down)), down)
    await assert.rejects(
      breaker.execute(() => {
        throw down
      }),
      down,
    )
    assert.equal(breaker.state, 'open')
    let called = false
    await assert.rejects(
      breaker.execute(() => {
        called = true
      }),
      { code: 'BREAKER_OPEN' },
    )
    assert.equal(called, false)
  })

  it('is not opened by what is no function, and rejects with the error of the call whatever judges it', async () => {
    const breaker = createBreaker({ failureThreshold: 1, clock: createSimulatedClock() })
    for (const call of [undefined, 7, {}, Promise.resolve()])
      await assert.rejects(breaker.execute(call as never), { code: 'BREAKER_CALL_INVALID' })
    assert.equal(breaker.state, 'closed')
    const down = new Error('503')
    const isFailure = (): boolean => {
      throw new Error('a predicate that is broken')
    }
    await assert.rejects(
      breaker.execute(() => Promise.reject(down), { isFailure }),
      down,
    )
    assert.equal(breaker.state, 'open')
  })

  it('lets one of many calls be the probe', async () => {
    const clock = createSimulatedClock()
    const breaker = createBreaker({ failureThreshold: 1, resetTimeoutMs: 1_000, clock })
    await assert.rejects(breaker.execute(() => Promise.reject(new Error('503'))))
    await clock.advance(1_000)
    let called = 0
    const calls = Array.from({ length: 5 }, () => breaker.execute(async () => void called++))
    const results = await Promise.allSettled(calls)
    assert.deepEqual([called, results.filter(({ status }) => status === 'fulfilled').length], [1, 1])
    assert.equal(breaker.state, 'closed')
  })

  it('waits in proportion to the outage when it is given an initial wait', async () => {
    const clock = createSimulatedClock()
    const breaker = createBreaker({
      failureThreshold: 1,
      initialResetTimeoutMs: 1000,
      resetTimeoutMs: 60_000,
      clock,
    })
    breaker.acquire()?.failed()
    const waits: number[] = []
    for (let probe = 0; probe < 70; probe += 1) {
      const from = clock.now()
      while (breaker.state === 'open') clock.increment(10)
      waits.push(clock.now() - from)
      breaker.acquire()?.failed()
    }
    assert.ok(waits[0]! >= 790 && waits[0]! <= 1010, `the first wait is ${waits[0]}`)
    assert.ok(waits.every((ms) => ms <= 60_010))
    assert.ok(waits.at(-1)! >= 48_000 - 10, `the last wait is ${waits.at(-1)}`)
  })

  it('gives a probe a sane timeout however soon it probes, also after it is configured again', () => {
    const clock = createSimulatedClock()
    const breaker = createBreaker({ failureThreshold: 1, resetTimeoutMs: 0, clock })
    breaker.configure({ failureThreshold: 1 })
    breaker.acquire()?.failed()
    clock.increment(1)
    assert.equal(breaker.state, 'half_open')
    assert.ok(breaker.acquire())
    clock.increment(500)
    assert.equal(breaker.acquire(), undefined, 'the probe keeps its slot')
    clock.increment(600)
    assert.ok(breaker.acquire(), 'and frees it after its deadline')
  })
})
