// An event as applications and exporters see it: plain data, nothing of ours beside it, and an idea of its size.
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { type Bus, createBus } from '../../src/bus/bus.ts'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import { bytesOf, EventRecord, isSelfTelemetry, isSpanBoundary } from '../../src/bus/snapshot.ts'
import { createSpan } from '../../src/bus/span.ts'
import { createSystemClock } from '../../src/clock.ts'
import { quietLogger } from '../support/quiet-logger.ts'

/** A bus whose events a handler and an inbox get. */
function observed() {
  const clock = createSystemClock()
  const bus: Bus = createBus({ clock, logger: quietLogger, maxValueLength: () => 100_000 })
  const handled: TelemetryEvent[] = []
  const ingested: TelemetryEvent[] = []
  bus.attach('h', '*', (event) => handled.push(event))
  bus.inbox('a', (events) => ingested.push(...events)).subscribe(['*'])
  bus.open()
  const recorded = (measurements: object, metadata: object): TelemetryEvent => {
    bus.emit('e', measurements, metadata)
    bus.flush()
    return ingested.at(-1)!
  }
  return { bus, span: createSpan({ bus, clock }), handled, ingested, recorded }
}

describe('an event', () => {
  it('has measurements and metadata that equal plain objects', () => {
    const { bus, handled } = observed()
    bus.emit('e', { count: 1 }, { queue: 'mail', list: [1, { deep: null }] })
    assert.deepStrictEqual(handled[0]!.measurements, { count: 1 })
    assert.deepStrictEqual(handled[0]!.metadata, { queue: 'mail', list: [1, { deep: null }] })
    assert.equal(handled[0]!.metadata, handled[0]!.metadata)
  })

  it('shows name, time, measurements and metadata in a copy', () => {
    const { bus, span, handled } = observed()
    bus.emit('plain', { count: 1 }, { queue: 'mail' })
    span('work', { queue: 'mail' }, () => bus.emit('inside', {}, {}))
    bus.emitSelf('telemetry.test', { count: 1 }, {}, { exporter: 'x' })
    bus.flush()
    for (const event of handled) {
      const { name, time, measurements, metadata } = event
      const plain = { name, time, measurements, metadata }
      assert.deepStrictEqual({ ...event }, plain)
      assert.deepStrictEqual(structuredClone(event), plain)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(event)), JSON.parse(JSON.stringify(plain)))
      assert.deepStrictEqual(Reflect.ownKeys(event), ['name', 'time', 'measurements', 'metadata'])
      assert.ok(!/Symbol|hidden|record/.test(inspect(event, { depth: 5, showHidden: true })))
    }
  })

  it('shows exporters nothing but what drivers walk', () => {
    const { span, ingested, bus } = observed()
    span('work', () => {})
    bus.flush()
    for (const event of ingested) {
      assert.deepEqual(Object.keys({ ...event }), ['name', 'time', 'fields', 'metadataStart'])
      assert.deepEqual(Reflect.ownKeys(event), ['name', 'time', 'fields', 'metadataStart'])
      assert.deepStrictEqual(structuredClone(event), { ...event })
    }
  })

  it('can be read though a handler froze it', () => {
    const { bus, handled, ingested } = observed()
    bus.attach('freezing', '*', (event) => Object.freeze(event))
    bus.emit('e', { count: 1 }, { queue: 'mail' })
    bus.flush()
    for (const event of [...handled, ...ingested].map((each) => Object.freeze(each))) {
      assert.deepStrictEqual(event.metadata, { queue: 'mail' })
      assert.deepEqual(event.fields, ['count', 1, 'queue', 'mail'])
      assert.deepEqual([event.metadataStart, event.scope], [2, undefined])
    }
  })

  it('is known by its origin, in each of its faces', () => {
    const { bus, span, handled, ingested } = observed()
    bus.emit('plain')
    span('work', () => {})
    bus.emitSelf('telemetry.test', {}, {})
    // Reports go out at the end of the turn.
    bus.flush()
    const told = (events: TelemetryEvent[]) =>
      events.map((event) => [event.name, isSpanBoundary(event), isSelfTelemetry(event)])
    assert.deepEqual(told(handled), told(ingested))
    assert.deepEqual(told(ingested), [
      ['plain', false, false],
      ['work.start', true, false],
      ['work.success', true, false],
    ])
    assert.equal(isSpanBoundary({} as TelemetryEvent), false)
  })
})

describe('the bytes of an event', () => {
  const { recorded } = observed()

  it('grow with its texts, wherever they are', () => {
    const text = 'x'.repeat(10_000)
    const empty = bytesOf(recorded({}, {}))
    assert.ok(empty > 0 && empty < 1000)
    for (const metadata of [
      { text },
      { correlation_id: text },
      { [text.slice(0, 1000)]: text },
      { list: [text] },
      { deep: { er: { text } } },
      { error: new Error(text) },
    ])
      for (const event of [recorded({}, metadata)]) {
        const bytes = bytesOf(event)
        assert.ok(bytes > empty + 10_000 && bytes < empty + 45_000, `${bytes} of ${Object.keys(metadata)}`)
      }
  })

  it('are two for a character beyond Latin-1', () => {
    const [latin, wide] = ['x', 'ж'].map((character) =>
      bytesOf(recorded({}, { text: character.repeat(5000) })),
    )
    assert.ok(wide! - latin! > 4900)
  })

  it('are not fooled by getters that emit', () => {
    const { bus, recorded: nested } = observed()
    const text = 'x'.repeat(5000)
    const source = {
      a: text,
      get b() {
        bus.emit('inner', {}, { big: 'y'.repeat(50_000) })
        return [text]
      },
    }
    const bytes = bytesOf(nested({}, source))
    assert.ok(bytes > 10_000 && bytes < 15_000, `${bytes}`)
  })

  it('are of every field: a thousand numbers take more than ten', () => {
    const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 0.5)
    const [few, many] = [10, 1000].map((count) => bytesOf(recorded({}, { list: numbers(count) })))
    assert.ok(many! - few! > 16 * 900)
  })

  it('are those of both events of a span, and of its error', () => {
    const { span, ingested, bus } = observed()
    const text = 'x'.repeat(10_000)
    assert.throws(() =>
      span('work', { text }, () => {
        throw new Error(text)
      }),
    )
    bus.flush()
    const [start, end] = ingested.map(bytesOf)
    assert.ok(start! > 10_000 && start! < 12_000)
    assert.ok(end! > 30_000 && end! < 45_000)
  })

  it('are seen in no copy, and the same for the face that handlers see', () => {
    const { bus, handled, ingested } = observed()
    bus.emit('e', {}, { text: 'x'.repeat(1000) })
    bus.flush()
    assert.equal(bytesOf(handled[0]!), bytesOf(ingested[0]!))
  })

  it('of an event that something else made are a guess, and never throw', () => {
    const foreign = (fields: unknown): TelemetryEvent => ({ name: 'e', fields }) as never
    assert.ok(bytesOf(foreign(['text', 'x'.repeat(5000)])) > 5000)
    fc.assert(
      fc.property(fc.anything(), (fields) => {
        const bytes = bytesOf(foreign(fields))
        assert.ok(Number.isInteger(bytes) && bytes > 0)
      }),
    )
    const endless = foreign(Array.from({ length: 1_000_000 }, () => 'x'.repeat(100)))
    assert.ok(bytesOf(endless) < 100_000)
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no')
        },
      },
    )
    assert.ok(bytesOf(hostile as TelemetryEvent) > 0)
    assert.ok(bytesOf(new EventRecord('e', 0, ['text', 'x'.repeat(5000)], 0, undefined, 'caller')) > 5000)
  })
})
