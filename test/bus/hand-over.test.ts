/**
 * When events leave an inbox: on the next turn once 512 wait, 10 ms after the first one otherwise, and at once where
 * very many wait or where they are large. One timer serves all inboxes, and it belongs to no caller.
 */
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createBus } from '../../src/bus/bus.ts'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import { handOverNowAt, type SubscribeOptions } from '../../src/bus/inbox.ts'
import type { Clock } from '../../src/clock.ts'
import { createSimulatedClock } from '../../src/testing/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'

/** An open bus on simulated time, with the timers it has set so far. */
function opened(overrides: Partial<Clock> = {}) {
  const time = createSimulatedClock()
  let timersSet = 0
  const { now, monotonic, clearTimeout } = time
  const clock: Clock = {
    now,
    monotonic,
    clearTimeout,
    setTimeout(fn, delay) {
      timersSet += 1
      return time.setTimeout(fn, delay)
    },
    ...overrides,
  }
  const bus = createBus({ clock, logger: quietLogger, maxValueLength: () => 16_384 })
  bus.open()
  return {
    bus,
    time,
    get timersSet() {
      return timersSet
    },
    emit(count: number, metadata?: object): void {
      for (let i = 0; i < count; i += 1) bus.emit(`e.${i}`, undefined, metadata)
    },
    /** An inbox that notes how many events each hand-over brings, and since when the first of them waited. */
    receiver(id: string, options?: SubscribeOptions) {
      const sizes: number[] = []
      const names: string[] = []
      const since: number[] = []
      const inbox = bus.inbox(id, (events: TelemetryEvent[], first) => {
        sizes.push(events.length)
        names.push(...events.map(({ name }) => name))
        since.push(first)
      })
      inbox.subscribe(['*'], options)
      return { inbox, sizes, names, since }
    },
  }
}

describe('an inbox hands over', () => {
  describe('10 milliseconds after the first event', () => {
    it('as one array, in order, however many turns the events came in', async () => {
      const { time, emit, receiver } = opened()
      const { inbox, sizes, names, since } = receiver('a')
      time.increment(5)
      emit(2)
      await nextTurn()
      time.increment(9)
      emit(1)
      await nextTurn()
      assert.deepEqual([sizes, inbox.size], [[], 3])
      time.increment(1)
      assert.deepEqual([sizes, inbox.size], [[3], 0])
      assert.deepEqual(names, ['e.0', 'e.1', 'e.0'])
      assert.deepEqual(since, [5])
    })

    it('and again 10 milliseconds after the next one', () => {
      const { time, emit, receiver } = opened()
      const { sizes, since } = receiver('a')
      emit(1)
      time.increment(10)
      time.increment(1_000)
      emit(1)
      time.increment(9)
      assert.deepEqual(sizes, [1])
      time.increment(1)
      assert.deepEqual(sizes, [1, 1])
      assert.deepEqual(since, [0, 1_010])
    })

    it('by one timer for all inboxes', () => {
      const system = opened()
      const inboxes = ['a', 'b', 'c'].map((id) => system.receiver(id))
      system.emit(100)
      assert.equal(system.timersSet, 1)
      system.time.increment(10)
      assert.deepEqual(
        inboxes.map(({ sizes }) => sizes),
        [[100], [100], [100]],
      )
    })

    it('and sets no timer while nothing is emitted', () => {
      const system = opened()
      system.receiver('a')
      assert.equal(system.time.timers, 0)
      system.emit(1)
      assert.equal(system.time.timers, 1)
      system.time.increment(10)
      assert.equal(system.time.timers, 0)
      system.time.increment(60_000)
      assert.equal(system.timersSet, 1)
    })

    it('or earlier, when somebody has to see everything emitted so far; the timer stays the only one', () => {
      const system = opened()
      const { sizes } = system.receiver('a')
      system.emit(3)
      system.bus.flush()
      assert.deepEqual(sizes, [3])
      system.emit(2)
      assert.equal(system.time.timers, 1)
      system.time.increment(10)
      assert.deepEqual(sizes, [3, 2])
    })

    it('on the next turn where the clock cannot set a timer', async () => {
      const { emit, receiver } = opened({
        setTimeout: () => {
          throw new Error('no timers')
        },
      })
      const { sizes } = receiver('a')
      emit(2)
      await nextTurn()
      emit(1)
      await nextTurn()
      assert.deepEqual(sizes, [2, 1])
    })
  })

  describe('on the next turn', () => {
    it('once 512 events wait, with those that came after them', async () => {
      const { emit, receiver } = opened()
      const { sizes } = receiver('a')
      emit(511)
      await nextTurn()
      assert.deepEqual(sizes, [])
      emit(10)
      assert.deepEqual(sizes, [])
      await nextTurn()
      assert.deepEqual(sizes, [521])
    })

    it('once as many wait as its exporter takes in one batch, and leaves the other inboxes alone', async () => {
      const { emit, receiver } = opened()
      const eager = receiver('eager', { handOverAt: 1 })
      const patient = receiver('patient')
      emit(2)
      await nextTurn()
      assert.deepEqual([eager.sizes, patient.sizes], [[2], []])
    })
  })

  describe('at once, in the middle of a turn,', () => {
    it('when 4,096 events wait', () => {
      const { emit, receiver } = opened()
      const { inbox, sizes } = receiver('a')
      emit(handOverNowAt - 1)
      assert.deepEqual(sizes, [])
      emit(2)
      assert.deepEqual([sizes, inbox.size], [[4_096], 1])
    })

    it('when what waits takes a mebibyte', () => {
      const { emit, receiver } = opened()
      const { inbox, sizes } = receiver('a')
      emit(60, { text: 'x'.repeat(16_384) })
      assert.deepEqual(sizes, [])
      emit(10, { text: 'x'.repeat(16_384) })
      assert.equal(sizes.length, 1)
      assert.equal((sizes[0] ?? 0) + inbox.size, 70)
    })

    it('also when the text is nested, or in an error', () => {
      for (const metadata of [
        { list: [{ deep: 'x'.repeat(16_384) }] },
        { error: new Error('x'.repeat(16_384)) },
      ]) {
        const { emit, receiver } = opened()
        const { sizes } = receiver('a')
        emit(70, metadata)
        assert.ok(sizes.length >= 1)
      }
    })
  })

  describe('outside of whatever request or span the caller is in', () => {
    const contexts = (): {
      request: AsyncLocalStorage<string>
      seen: unknown[]
      bus: ReturnType<typeof opened>
    } => {
      const request = new AsyncLocalStorage<string>()
      const seen: unknown[] = []
      const bus = opened({
        setTimeout: (fn, delay) => {
          seen.push(request.getStore())
          return setTimeout(fn, delay)
        },
      })
      bus.bus.inbox('a', () => seen.push(request.getStore())).subscribe(['*'])
      return { request, seen, bus }
    }

    it('whether its timer hands over or somebody asks for it', async () => {
      const { request, seen, bus } = contexts()
      request.run('request', () => bus.emit(1))
      assert.deepEqual(seen, [undefined], 'the timer')
      while (seen.length < 2) await nextTurn()
      request.run('request', () => {
        bus.emit(1)
        bus.bus.flush()
      })
      assert.deepEqual(seen, [undefined, undefined, undefined, undefined])
    })

    it('whether very many events are handed over at once or on the next turn', async () => {
      const { request, seen, bus } = contexts()
      request.run('request', () => bus.emit(512))
      await nextTurn()
      request.run('request', () => bus.emit(handOverNowAt))
      assert.deepEqual(new Set(seen), new Set([undefined]))
      assert.ok(seen.length >= 3)
    })
  })
})
