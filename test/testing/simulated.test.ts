// The simulated clock fires timers when they are due, turns the event loop in between, and counts what is pending.
import assert from 'node:assert/strict'
import { createActor, createMachine } from 'xstate'
import { createSimulatedClock } from '../../src/testing/index.ts'

describe('the simulated clock', () => {
  it('stands still until it is moved', async () => {
    const clock = createSimulatedClock({ startAt: 1000 })
    await clock.settle()
    assert.deepEqual([clock.now(), clock.monotonic()], [1000, 0])
    clock.increment(2.5)
    assert.deepEqual([clock.now(), clock.monotonic()], [1002.5, 2.5])
  })

  it('fires each link of a chain at its own time, in one increment too', async () => {
    for (const move of ['increment', 'advance'] as const) {
      const clock = createSimulatedClock({ startAt: 0 })
      const fired: number[] = []
      const again = (): void => {
        fired.push(clock.now())
        clock.setTimeout(again, 0.1 + 30)
      }
      clock.setTimeout(again, 30.3)
      await clock[move](100)
      assert.deepEqual(
        fired.map((at) => Math.round(at)),
        [30, 60, 91],
      )
      assert.equal(clock.now(), 100)
      assert.equal(clock.timers, 1)
    }
  })

  it('lets promises run between two timers', async () => {
    const clock = createSimulatedClock({ startAt: 0 })
    const pause = (ms: number): Promise<void> =>
      new Promise((resolve) => clock.setTimeout(() => resolve(), ms))
    const seen: number[] = []
    const run = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        await pause(60_000)
        await new Promise(setImmediate)
        seen.push(clock.now())
      }
    }
    const done = run()
    await clock.advance(300_000)
    await done
    assert.deepEqual(seen, [60_000, 120_000, 180_000, 240_000, 300_000])
  })

  it('goes by steps where they are shorter than the way to the next timer', async () => {
    const clock = createSimulatedClock({ startAt: 0 })
    const seen: number[] = []
    clock.setTimeout(() => seen.push(clock.now()), 25)
    const watch = setImmediate(function look() {
      if (seen.at(-1) !== clock.now()) seen.push(clock.now())
      if (clock.now() < 40) setImmediate(look)
    })
    await clock.advance(40, 10)
    clearImmediate(watch)
    for (const at of [10, 20, 25, 35, 40]) assert.ok(seen.includes(at), `${seen}`)
  })

  it('counts pending timers and says when the next is due', () => {
    const clock = createSimulatedClock()
    const timers = [5, 3, 9].map((delay) => clock.setTimeout(() => {}, delay))
    assert.deepEqual([clock.timers, clock.nextTimerIn], [3, 3])
    clock.clearTimeout(timers[1])
    clock.clearTimeout(timers[1])
    clock.clearTimeout(undefined)
    assert.deepEqual([clock.timers, clock.nextTimerIn], [2, 5])
    clock.increment(9)
    assert.deepEqual([clock.timers, clock.nextTimerIn], [0, undefined])
  })

  it('hands on what a timer throws, and still runs', () => {
    const clock = createSimulatedClock()
    let fired = 0
    clock.setTimeout(() => {
      throw new Error('in a timer')
    }, 1)
    clock.setTimeout(() => fired++, 2)
    assert.throws(() => clock.increment(5), /in a timer/)
    clock.increment(0)
    assert.equal(fired, 1)
  })

  it('takes any delay as Node would, so that no timer can stop the time', async () => {
    const clock = createSimulatedClock({ startAt: 0 })
    let fired = 0
    const again = (): void => {
      fired += 1
      clock.setTimeout(again, Number.NaN)
    }
    clock.setTimeout(again, -5)
    clock.setTimeout(() => {}, Number.POSITIVE_INFINITY)
    clock.increment(10)
    assert.equal(fired, 10)
    await clock.advance(10)
    assert.equal(fired, 20)
  })

  it('drives the delays of a machine', async () => {
    const clock = createSimulatedClock()
    const light = createMachine({
      initial: 'red',
      states: {
        red: { after: { 5000: 'green' } },
        green: { after: { 3000: 'done' } },
        done: { type: 'final' },
      },
    })
    const actor = createActor(light, { clock: clock as never }).start()
    await clock.advance(5000)
    assert.equal(actor.getSnapshot().value, 'green')
    await clock.until(() => actor.getSnapshot().status === 'done', { stepMs: 500 })
    assert.equal(clock.timers, 0)
  })

  it('waits for real things, not for ever', async () => {
    const clock = createSimulatedClock()
    let ready = false
    setTimeout(() => {
      ready = true
    }, 2)
    await clock.until(() => ready)
    await assert.rejects(
      clock.until(() => false, { timeoutMs: 5 }),
      { code: 'TESTING_TIMEOUT' },
    )
  })
})
