// emit: never throws, takes a snapshot, reaches each subscriber once, in order, and every event is accounted for.
import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { type BusOptions, createBus } from '../../src/bus/bus.ts'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import { steadyHandOverAfterMs } from '../../src/bus/inbox.ts'
import type { Scopes } from '../../src/bus/scope.ts'
import { isSelfTelemetry } from '../../src/bus/snapshot.ts'
import { TelemetryError } from '../../src/errors.ts'
import { createSimulatedClock } from '../../src/testing/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'

function busWith(options: Partial<BusOptions> = {}) {
  let time = 0
  const { monotonic, setTimeout, clearTimeout, increment } = createSimulatedClock()
  const clock = { now: () => ++time, monotonic, setTimeout, clearTimeout }
  const bus = createBus({ clock, logger: quietLogger, maxValueLength: () => 16_384, ...options })
  return { ...bus, handOver: () => increment(steadyHandOverAfterMs) }
}

function opened(options: Partial<BusOptions> = {}) {
  const bus = busWith(options)
  bus.open()
  return bus
}

type TestBus = ReturnType<typeof busWith>

/** An inbox that remembers what it got, and in which arrays. */
function receiver(bus: TestBus, id: string, ...patterns: string[]) {
  const batches: TelemetryEvent[][] = []
  const inbox = bus.inbox(id, (events) => batches.push(events))
  inbox.subscribe(patterns)
  return { inbox, batches, names: () => batches.flat().map((event) => event.name) }
}

const coded = (code: string) => (thrown: unknown) => thrown instanceof TelemetryError && thrown.code === code

describe('the bus', () => {
  describe('routing', () => {
    it('delivers once per subscriber, however many patterns match', () => {
      const bus = opened()
      const a = receiver(bus, 'a', 'queuemizer.*', '*.error', '*')
      const b = receiver(bus, 'b', 'other.*')
      const handled: string[] = []
      bus.attach('h', ['*', '*.error'], (event) => handled.push(event.name))
      bus.emit('queuemizer.job.error')
      bus.handOver()
      assert.deepEqual(a.names(), ['queuemizer.job.error'])
      assert.deepEqual(b.names(), [])
      assert.deepEqual(handled, ['queuemizer.job.error'])
    })

    it('looks for the scope of an event only if somebody on its route reads it', () => {
      let looked = 0
      const scopes: Scopes = {
        current: () => {
          looked += 1
          return undefined
        },
        run: (_, fn, argument) => fn(argument),
        enter: () => {},
        bind: () => () => {},
      }
      const bus = opened({ scopes })
      bus.inbox('blind', () => {}).subscribe(['*'], { ignoresScope: true })
      bus.emit('one')
      assert.equal(looked, 0)
      receiver(bus, 'reader', 'two')
      bus.emit('one')
      bus.emit('two')
      assert.equal(looked, 1)
    })

    it('gives each event its own time, unless no subscriber on its route reads it', () => {
      const bus = opened()
      const exact = receiver(bus, 'exact', 'both', 'exact')
      const coarse: TelemetryEvent[] = []
      const options = { ignoresTime: true }
      bus.inbox('coarse', (events) => coarse.push(...events)).subscribe(['both', 'coarse'], options)
      bus.emit('coarse')
      bus.emit('both')
      bus.emit('exact')
      bus.emit('coarse')
      bus.handOver()
      assert.deepEqual(
        exact.batches.flat().map(({ time }) => time),
        [2, 3],
      )
      assert.deepEqual(
        coarse.map(({ time }) => time),
        [1, 2, 1],
      )
      bus.emit('coarse')
      bus.attach('handler', 'coarse', () => {})
      bus.emit('coarse')
      bus.flush()
      assert.deepEqual(
        coarse.slice(3).map(({ time }) => time),
        [4, 5],
      )
    })

    it('lets a handler freeze an event that others read after it', () => {
      const bus = opened()
      bus.attach('freezing', '*', (event) => Object.freeze(event))
      const { batches } = receiver(bus, 'a', '*')
      bus.emit('e', { count: 1 }, { queue: 'mail' })
      bus.handOver()
      const [event] = batches.flat()
      assert.deepEqual({ ...event!.measurements, ...event!.metadata }, { count: 1, queue: 'mail' })
    })

    it('follows subscription changes at once', () => {
      const bus = opened()
      const { inbox, names } = receiver(bus, 'a', 'x.*')
      bus.emit('x.1')
      bus.emit('y.1')
      inbox.subscribe(['y.*'])
      bus.emit('x.2')
      bus.emit('y.2')
      inbox.unsubscribe()
      bus.emit('y.3')
      assert.deepEqual(names(), ['x.1', 'y.2'])
      assert.equal(bus.status().unrouted, 3)
    })

    it('hands over what is left when an inbox unsubscribes or is removed', () => {
      const bus = opened()
      const { inbox, names } = receiver(bus, 'a', '*')
      bus.emit('one')
      inbox.unsubscribe()
      assert.deepEqual(names(), ['one'])
      inbox.subscribe(['*'])
      bus.emit('two')
      inbox.remove()
      assert.deepEqual(names(), ['one', 'two'])
      receiver(bus, 'a', '*')
    })

    it('refuses an inbox id that is taken', () => {
      const bus = busWith()
      receiver(bus, 'a', '*')
      assert.throws(() => receiver(bus, 'a', '*'), coded('INBOX_EXISTS'))
    })

    it('takes no snapshot and reads no clock for events without subscribers', () => {
      let asked = 0
      const bus = opened({ clock: { now: () => ++asked, setTimeout: () => 0, clearTimeout: () => {} } })
      receiver(bus, 'a', 'x.*')
      bus.emit('y', {}, new Proxy({}, { ownKeys: () => assert.fail('read') }))
      assert.equal(asked, 0)
      assert.equal(bus.status().unrouted, 1)
    })

    it('holds with a million names that never repeat', () => {
      const bus = opened()
      receiver(bus, 'a', 'wanted.*')
      for (let i = 0; i < 100_000; i++) bus.emit(`hostile.${i}`)
      assert.equal(bus.status().unrouted, 100_000)
    })

    it('survives a delivery that throws, and goes on', () => {
      const bus = opened()
      let calls = 0
      bus
        .inbox('bad', () => {
          calls++
          throw new Error('no')
        })
        .subscribe(['*'])
      const good = receiver(bus, 'good', '*')
      bus.emit('one')
      bus.handOver()
      bus.emit('two')
      bus.handOver()
      assert.equal(calls, 2)
      assert.deepEqual(good.names(), ['one', 'two'])
    })

    it('keeps what a delivery emits for the next hand-over, in order', () => {
      const bus = opened()
      const seen: string[][] = []
      const inbox = bus.inbox('a', (events) => {
        seen.push(events.map((event) => event.name))
        if (seen.length === 1) {
          bus.emit('inner')
          bus.flush()
          inbox.flush()
        }
      })
      inbox.subscribe(['*'])
      bus.emit('outer')
      bus.flush()
      assert.deepEqual(seen, [['outer']])
      assert.equal(inbox.size, 1)
      bus.handOver()
      assert.deepEqual(seen, [['outer'], ['inner']])
    })

    it('loses nothing when an inbox is removed by its own delivery', () => {
      const bus = opened()
      const seen: string[] = []
      const inbox = bus.inbox('a', (events) => {
        seen.push(...events.map((event) => event.name))
        if (seen.length > 1) return
        bus.emit('inner')
        inbox.remove()
      })
      inbox.subscribe(['*'])
      bus.emit('outer')
      bus.handOver()
      bus.handOver()
      assert.deepEqual(seen, ['outer', 'inner'])
    })
  })

  describe('events', () => {
    it('are snapshots', () => {
      const bus = opened()
      const { batches } = receiver(bus, 'a', '*')
      const measurements = { count: 1 }
      const metadata = { list: [1, { deep: 'x' }], s: 'a' }
      bus.emit('e', measurements, metadata)
      measurements.count = 2
      metadata.s = 'b'
      metadata.list.push(3)
      ;(metadata.list[1] as { deep: string }).deep = 'y'
      bus.flush()
      const [event] = batches.flat()
      assert.deepEqual({ ...event!.measurements }, { count: 1 })
      assert.deepEqual({ ...event!.metadata }, { list: [1, { deep: 'x' }], s: 'a' })
      assert.deepEqual(event!.fields, ['count', 1, 'list', [1, { deep: 'x' }], 's', 'a'])
      assert.equal(event!.metadataStart, 2)
      assert.equal(event!.time, 1)
      assert.equal(event!.scope, undefined)
      assert.equal(event!.metadata, event!.metadata)
      assert.deepEqual(JSON.parse(JSON.stringify(event)), {
        name: 'e',
        time: 1,
        measurements: { count: 1 },
        metadata: { list: [1, { deep: 'x' }], s: 'a' },
      })
    })

    it('are ignored and counted when the name is invalid', () => {
      const bus = opened()
      const { inbox } = receiver(bus, 'a', '*')
      for (const name of ['', 'n'.repeat(1025), undefined, null, 7, {}, Symbol('s'), ['a']])
        bus.emit(name as string)
      assert.equal(bus.status().dropped.invalid_name, 8)
      assert.equal(inbox.size, 0)
      bus.emit('n'.repeat(1024))
      assert.equal(inbox.size, 1)
    })

    it('survive a clock that throws', () => {
      const now = () => {
        throw new Error('no time')
      }
      const bus = opened({ clock: { now, setTimeout: () => 0, clearTimeout: () => {} } })
      receiver(bus, 'a', '*')
      bus.emit('e')
      assert.equal(bus.status().dropped.failed, 1)
    })

    it('emitted by getters of events do not multiply', () => {
      const bus = opened()
      receiver(bus, 'a', '*')
      const again = () => bus.emit('e', {}, hostile)
      const hostile = {
        get a() {
          return again()
        },
        get b() {
          return again()
        },
      }
      bus.emit('e', {}, hostile)
      const { emitted, dropped } = bus.status()
      assert.equal(dropped.recursion, 256)
      assert.equal(emitted, 511)
    })

    it('of any arguments never throw and pollute nothing', () => {
      const bus = opened()
      receiver(bus, 'a', '*')
      bus.attach('h', '*', (event) => [event.measurements, event.metadata, JSON.stringify(event)])
      const thrower = fc.constantFrom(
        new Proxy(
          {},
          {
            ownKeys: () => {
              throw new Error('ownKeys')
            },
          },
        ),
        new Proxy(
          { a: 1 },
          {
            get: () => {
              throw new Error('get')
            },
          },
        ),
        {
          get x() {
            throw new Error('getter')
          },
        },
      )
      const anything = fc.oneof(fc.anything({ withBigInt: true, withDate: true, withMap: true }), thrower)
      const before = Object.getOwnPropertyNames(Object.prototype)
      fc.assert(
        fc.property(fc.oneof(fc.string(), anything), anything, anything, (name, measurements, metadata) => {
          assert.equal(bus.emit(name as string, measurements, metadata), undefined)
        }),
        { numRuns: 1000 },
      )
      assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), before)
      assert.equal(bus.status().handlerFailures, 0)
    })
  })

  describe('before open and after close', () => {
    it('replays what was emitted before, in order and with its time', () => {
      const bus = busWith()
      bus.emit('one', { n: 1 })
      const { batches, names } = receiver(bus, 'a', 't*', 'o*')
      bus.emit('two')
      bus.emit('unwanted')
      assert.equal(bus.status().buffered, 3)
      bus.open()
      bus.emit('three')
      bus.flush()
      assert.deepEqual(names(), ['one', 'two', 'three'])
      assert.deepEqual(
        batches.flat().map((event) => event.time),
        [1, 2, 4],
      )
      const { buffered, unrouted, emitted } = bus.status()
      assert.deepEqual([buffered, unrouted, emitted], [0, 1, 4])
    })

    it('counts what the buffer cannot hold', () => {
      const bus = busWith({ bufferSize: 2 })
      for (let i = 0; i < 5; i++) bus.emit(`e${i}`)
      assert.equal(bus.status().dropped.not_started, 3)
      const { names } = receiver(bus, 'a', '*')
      bus.open()
      bus.flush()
      assert.deepEqual(names(), ['e0', 'e1'])
    })

    it('calls handlers before open, once', () => {
      const bus = busWith({ bufferSize: 1 })
      const seen: string[] = []
      bus.attach('h', '*', (event) => seen.push(event.name))
      bus.emit('one')
      bus.emit('two')
      bus.open()
      assert.deepEqual(seen, ['one', 'two'])
    })

    it('only counts after close, and still hands over what waits', () => {
      const bus = opened()
      const { names } = receiver(bus, 'a', '*')
      bus.attach('h', 'late', () => assert.fail('called'))
      bus.emit('before')
      bus.close()
      bus.emit('late')
      bus.emitSelf('telemetry.late', {}, {})
      const { stopped, self_telemetry: reports } = bus.status().dropped
      assert.deepEqual([stopped, reports], [1, 1], 'the caller did not make the report')
      bus.handOver()
      assert.deepEqual(names(), ['before'])
    })

    it('counts what was never replayed when it closes unopened', () => {
      const bus = busWith()
      bus.emit('one')
      bus.close()
      bus.open()
      bus.emit('two')
      const { dropped, buffered } = bus.status()
      assert.deepEqual([dropped.not_started, dropped.stopped, buffered], [1, 1, 0])
    })
  })

  describe('handlers', () => {
    it('have ids of their own', () => {
      const bus = opened()
      const off = bus.attach('h', 'a', () => {})
      assert.throws(() => bus.attach('h', 'b', () => {}), coded('HANDLER_EXISTS'))
      off()
      bus.attach('h', ['b', 'c'], () => {}, { onError: 'detach' })
      off()
      assert.deepEqual(bus.handlers(), [{ id: 'h', patterns: ['b', 'c'], failures: 0, onError: 'detach' }])
      assert.equal(bus.detach('h'), true)
      assert.equal(bus.detach('h'), false)
    })

    it('are checked when attached', () => {
      const bus = opened()
      assert.throws(() => bus.attach('', '*', () => {}), coded('HANDLER_INVALID'))
      assert.throws(() => bus.attach('h', '*', 'nothing' as never), coded('HANDLER_INVALID'))
      assert.throws(() => bus.attach('h', [7] as never, () => {}), coded('PATTERN_INVALID'))
      assert.deepEqual(bus.handlers(), [])
    })

    it('never reach the caller with what they throw, reported to the others', async () => {
      const bus = opened()
      const reports: TelemetryEvent[] = []
      bus.attach('bad', ['*'], () => {
        throw new TypeError('broken')
      })
      bus.attach('watch', ['telemetry.*'], (event) => reports.push(event))
      bus.emit('e')
      assert.equal(reports.length, 0)
      await nextTurn()
      assert.equal(reports.length, 1)
      const { handler, event, error } = reports[0]!.metadata
      assert.deepEqual([handler, event], ['bad', 'e'])
      assert.deepEqual({ ...(error as object) }, { type: 'TypeError', message: 'broken' })
      assert.equal(isSelfTelemetry(reports[0]!), true)
      assert.equal(bus.handlers()[0]!.failures, 1)
    })

    it('are reported without the stack of what they throw, which is never asked for', async () => {
      const bus = opened()
      let asked = 0
      const broken = Object.defineProperty(new Error('broken'), 'stack', { get: () => asked++ })
      const reports: TelemetryEvent[] = []
      for (const [id, thrown] of Object.entries({
        error: broken,
        text: 'text',
        nothing: null,
        odd: Symbol('odd'),
      }))
        bus.attach(id, 'e', () => {
          throw thrown
        })
      bus.attach('watch', 'telemetry.*', (event) => reports.push(event))
      bus.emit('e')
      await nextTurn()
      assert.equal(asked, 0)
      assert.deepEqual(
        reports.map(({ metadata }) => ({ ...(metadata.error as object) })),
        [
          { type: 'Error', message: 'broken' },
          { type: 'string', message: 'text' },
          { type: 'null', message: 'null' },
          { type: 'symbol', message: 'Symbol(odd)' },
        ],
      )
    })

    it('may reject', async () => {
      const bus = opened()
      bus.attach('bad', 'e', async () => {
        throw new Error('later')
      })
      bus.emit('e')
      await nextTurn()
      assert.equal(bus.status().handlerFailures, 1)
      assert.equal(bus.handlers().length, 1)
    })

    it('fail once per call, however often the thenable they return says so', async () => {
      const bus = opened()
      bus.attach('bad', 'e', () => ({
        // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
        then(_: unknown, reject: (reason: unknown) => void) {
          reject('one')
          reject('two')
          throw new Error('three')
        },
      }))
      bus.emit('e')
      await nextTurn()
      assert.equal(bus.status().handlerFailures, 1)
    })

    it('are detached by their first failure if asked for', () => {
      const bus = opened()
      let calls = 0
      const fail = () => {
        calls++
        throw new Error('once')
      }
      bus.attach('bad', 'e', fail, { onError: 'detach' })
      bus.emit('e')
      bus.emit('e')
      assert.equal(calls, 1)
      assert.deepEqual(bus.handlers(), [])
    })

    it('do not feed back: a failure over a report is only counted', async () => {
      const bus = opened()
      for (const id of ['one', 'two'])
        bus.attach(id, '*', () => {
          throw new Error(id)
        })
      bus.emit('e')
      for (let i = 0; i < 10; i++) await nextTurn()
      // Two over the event, then each once over the report about the other.
      assert.equal(bus.status().handlerFailures, 4)
    })

    it('do not feed back by way of what a handler of reports emits', async () => {
      const bus = opened()
      bus.attach('alert', 'telemetry.*', () => bus.emit('alert'))
      bus.attach('bad', '*', (event) => {
        if (!event.name.startsWith('telemetry.')) throw new Error('bad')
      })
      bus.emit('e')
      for (let i = 0; i < 10; i++) await nextTurn()
      assert.equal(bus.status().handlerFailures, 2)
    })

    it('may emit to each other, but not for ever', () => {
      const bus = opened()
      const { inbox } = receiver(bus, 'a', '*')
      let calls = 0
      bus.attach('loop', '*', () => {
        calls++
        bus.emit('again')
      })
      bus.emit('first')
      assert.equal(calls, 8)
      assert.equal(inbox.size, 9)
      assert.equal(bus.status().handlerCallsSkipped, 1)
    })

    it('may attach and detach each other on the way', () => {
      const bus = opened()
      const seen: string[] = []
      bus.attach('one', 'e', () => {
        seen.push('one')
        bus.detach('two')
        bus.detach('one')
        bus.attach('three', 'e', () => seen.push('three'))
      })
      bus.attach('two', 'e', () => seen.push('two'))
      bus.emit('e')
      bus.emit('e')
      assert.deepEqual(seen, ['one', 'three'])
    })
  })

  describe('self-telemetry', () => {
    it('comes later, to everybody but whom it is about', async () => {
      const bus = opened()
      const a = receiver(bus, 'a', '*')
      const b = receiver(bus, 'b', '*')
      bus.emitSelf('telemetry.export.failed', { count: 1 }, { exporter: 'a' }, { exporter: 'a' })
      bus.emit('e')
      bus.flush()
      assert.deepEqual(b.names(), ['e'])
      await nextTurn()
      bus.handOver()
      assert.deepEqual(a.names(), ['e'])
      assert.deepEqual(b.names(), ['e', 'telemetry.export.failed'])
      assert.deepEqual(b.batches.flat().map(isSelfTelemetry), [false, true])
    })

    it('keeps away from whom it is about also when it is replayed', async () => {
      const bus = busWith()
      const a = receiver(bus, 'a', '*')
      const b = receiver(bus, 'b', '*')
      bus.emitSelf('telemetry.x', {}, {}, { exporter: 'a' })
      await nextTurn()
      bus.open()
      bus.flush()
      assert.deepEqual([a.names(), b.names()], [[], ['telemetry.x']])
    })

    it('is bounded', () => {
      const bus = opened()
      for (let i = 0; i < 1500; i++) bus.emitSelf('telemetry.x', {}, {})
      assert.equal(bus.status().dropped.self_telemetry, 500)
      bus.close()
      assert.equal(bus.status().dropped.self_telemetry, 1500)
      assert.equal(bus.status().dropped.stopped, 0)
    })

    it('is not what a user calls so', () => {
      const bus = opened()
      const { batches } = receiver(bus, 'a', '*')
      bus.emit('telemetry.mine')
      bus.flush()
      assert.equal(isSelfTelemetry(batches.flat()[0]!), false)
      assert.equal(isSelfTelemetry({} as TelemetryEvent), false)
    })
  })

  it('accounts for every event of any schedule', async () => {
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ do: fc.constant('emit' as const), name: fc.constantFrom('a', 'b', 'c') }),
      },
      fc.record({ do: fc.constantFrom('turn', 'pass', 'flush', 'open', 'close') }),
      fc.record({ do: fc.constant('subscribe' as const), patterns: fc.subarray(['a', 'b', '*']) }),
      fc.record({ do: fc.constant('unsubscribe' as const) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const bus = busWith({ bufferSize: 5 })
        const { inbox, batches } = receiver(bus, 'x', 'a')
        let emits = 0
        for (const each of steps) {
          if (each.do === 'emit') {
            bus.emit('name' in each ? each.name : '')
            emits++
          } else if (each.do === 'turn') await nextTurn()
          else if (each.do === 'pass') bus.handOver()
          else if (each.do === 'subscribe') inbox.subscribe('patterns' in each ? each.patterns : [])
          else if (each.do === 'unsubscribe') inbox.unsubscribe()
          else if (each.do === 'flush' || each.do === 'open' || each.do === 'close') bus[each.do]()
          const { emitted, unrouted, buffered, dropped } = bus.status()
          const routed = batches.flat().length + inbox.size
          assert.equal(emits, emitted + dropped.stopped)
          assert.equal(emitted, unrouted + buffered + routed + dropped.not_started)
        }
      }),
      { numRuns: 200 },
    )
  })
})
