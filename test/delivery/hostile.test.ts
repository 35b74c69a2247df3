/** Drivers that misbehave in every way harm nobody: the ledger stays exact, siblings deliver, nothing is uncaught. */
import assert from 'node:assert/strict'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import type { AnyExporterDefinition, Sink } from '../../src/exporters/exporter.ts'
import { createTelemetry } from '../../src/index.ts'
import { guardedLogger, redactedLogger } from '../../src/logger.ts'
import { createSimulatedClock } from '../../src/testing/index.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { createDriver } from '../support/scripted-driver.ts'
import { endSimulated, startSimulated } from '../support/simulated-telemetry.ts'

const mine = { event_patterns: ['app.*'], flush_interval: 0.1, reset_timeout: 1 }

const thorny = {
  get message() {
    throw new Error('no message')
  },
  get code() {
    throw new Error('no code')
  },
  toString() {
    throw new Error('no text')
  },
}
const thornyError = Object.defineProperties(new Error('x'), {
  message: { get: () => ({}) },
  code: { get: () => thorny.code },
})
const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const throws = (what: unknown) => (): never => {
  throw what
}
const answers = (what: unknown) => () => Promise.resolve(what)

const hostile: Record<string, Partial<Record<keyof AnyExporterDefinition, unknown>>> = {
  'throws in state': { state: throws(new Error('state')) },
  'throws in open': { open: throws(thorny) },
  'throws an odd error in open': { open: throws(thornyError) },
  'never opens': { open: () => new Promise(() => {}) },
  'throws in ingest': { ingest: throws(thorny) },
  'throws undefined in ingest': { ingest: throws(undefined) },
  'throws in ingest after an item': {
    ingest: (event: TelemetryEvent, sink: Sink) => {
      sink.item(event)
      throw revoked()
    },
  },
  'throws in tick': { tick: throws(thorny) },
  'throws in forget': { forget: throws(null) },
  'throws in sizeOf': { sizeOf: throws(thorny) },
  'says sizes that are none': { sizeOf: () => Number.NaN },
  'says sizes of the wrong type': { sizeOf: () => 'big' },
  'throws in export': { export: throws(thorny) },
  'rejects with undefined': { export: () => Promise.reject(undefined) },
  'rejects with a thorny object': { export: () => Promise.reject(thorny) },
  'rejects with an odd error': { export: () => Promise.reject(thornyError) },
  'rejects with a revoked proxy': { export: () => Promise.reject(revoked()) },
  'answers nothing': { export: answers(undefined) },
  'answers no promise': { export: () => 7 },
  'answers a thorny thenable': {
    export: () => ({
      // biome-ignore lint/suspicious/noThenProperty: hostile on purpose.
      get then() {
        throw new Error('no then')
      },
    }),
  },
  'answers a thenable that settles twice': {
    export: () => ({
      // biome-ignore lint/suspicious/noThenProperty: hostile on purpose.
      then(resolve: (value: unknown) => void, reject: (error: unknown) => void) {
        resolve({ type: 'delivered' })
        resolve({ type: 'refused', cause: 'again' })
        reject(new Error('after all'))
      },
    }),
  },
  'answers an outcome whose type throws': {
    export: answers({
      get type() {
        throw new Error('no type')
      },
    }),
  },
  'answers a revoked proxy': { export: answers([revoked()]) },
  'answers an unknown outcome': { export: answers({ type: 'great' }) },
  'answers an outcome that changes': {
    export: () => {
      let reads = 0
      return Promise.resolve({
        get type() {
          reads += 1
          return reads === 1 ? 'delivered' : 'too_large'
        },
      })
    },
  },
  'delivers with a nonsense count of rejected': {
    export: answers({ type: 'delivered', rejected: Symbol('many') }),
  },
  'delivers with NaN rejected': { export: answers({ type: 'delivered', rejected: Number.NaN }) },
  'delivers with more rejected than sent': {
    export: answers({ type: 'delivered', rejected: Number.POSITIVE_INFINITY }),
  },
  'asks for a nonsense delay': { export: answers({ type: 'retry', afterSeconds: 'soon', cause: thorny }) },
  'always finds the batch too large': { export: answers({ type: 'too_large' }) },
  'never answers': { export: () => new Promise(() => {}) },
  'empties its batch': {
    export: (_client: unknown, batch: unknown[]) => {
      batch.length = 0
      return Promise.resolve({ type: 'delivered', rejected: 1 })
    },
  },
  'removes half of its batch': {
    export: (_client: unknown, batch: unknown[]) => {
      batch.splice(0, Math.ceil(batch.length / 2))
      return Promise.resolve({ type: 'delivered' })
    },
  },
  'listens for the abort and throws': {
    export: (_client: unknown, _batch: unknown, { signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', throws(thorny))
      signal.onabort = throws(new Error('onabort'))
      signal.addEventListener('abort', { handleEvent: throws(undefined) })
      return new Promise(() => {})
    },
  },
  'listens for the abort of its opening and throws': {
    open: (_config: unknown, { signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', throws(thorny), { once: true })
      return new Promise(() => {})
    },
  },
  ...Object.fromEntries(
    (['accepts', 'sizeOf', 'describe', 'requestBytes', 'tick', 'forget', 'ingest', 'state'] as const).map(
      (part) => [
        `rejects where nobody asked for a promise: ${part}`,
        { [part]: () => Promise.reject(thorny) },
      ],
    ),
  ),
  'throws in close': { close: throws(thorny) },
  'rejects in close': { close: () => Promise.reject(undefined) },
  'never closes': { close: () => new Promise(() => {}) },
  'throws in describe': { describe: throws(thorny) },
  'describes itself with a cycle': {
    describe: () => {
      const facts: Record<string, unknown> = { big: 1n }
      facts.self = facts
      return facts
    },
  },
  'gives items absurd weights': {
    ingest: (event: TelemetryEvent, sink: Sink) => {
      sink.item(event, Number.MAX_VALUE, Number.NaN)
      sink.item(event, -1, -1)
      sink.item(event, Number.NaN)
      sink.item(event, 'one' as never)
    },
  },
  'gives items no weight': { ingest: (event: TelemetryEvent, sink: Sink) => sink.item(event, 0) },
  'holds twice': {
    ingest: (_: TelemetryEvent, sink: Sink) => {
      sink.hold()
      sink.hold()
    },
  },
  'holds and drops too much': {
    ingest: (_: TelemetryEvent, sink: Sink) => {
      sink.hold()
      sink.drop('expired', 1000)
    },
  },
  'weighs events that it holds': {
    weighs: () => 3,
    ingest: (_: TelemetryEvent, sink: Sink) => sink.hold(),
  },
  'weighs events that it has no room to hold': {
    weighs: () => 3,
    ingest: (_: TelemetryEvent, sink: Sink) => sink.hold(Number.MAX_SAFE_INTEGER),
  },
  'weighs an event differently each time': {
    weighs: (() => {
      let calls = 0
      return () => (calls += 1)
    })(),
  },
  'throws in weighs': { weighs: throws(thorny) },
  'drops for a reason of its own': {
    ingest: (_: TelemetryEvent, sink: Sink) => sink.drop('because' as never),
  },
  'drops for a reason that pollutes': {
    ingest: (_: TelemetryEvent, sink: Sink) => sink.drop('__proto__' as never),
  },
}

/** What the ledger accepts of 16 events, where a driver says that they stand for more. */
const weights: Readonly<Record<string, number>> = {
  'weighs events that it holds': 3 * 16,
  'weighs events that it has no room to hold': 3 * 16,
  'weighs an event differently each time': (16 * 17) / 2,
}

describe('a driver that', () => {
  const uncaught: unknown[] = []
  const note = (error: unknown): number => uncaught.push(error)
  before(() => {
    process.on('uncaughtException', note)
    process.on('unhandledRejection', note)
  })
  after(() => {
    process.off('uncaughtException', note)
    process.off('unhandledRejection', note)
  })
  afterEach(async () => {
    await endSimulated()
    assert.deepEqual(uncaught.splice(0), [])
  })

  for (const [what, overrides] of Object.entries(hostile))
    it(what, async () => {
      const driver = createDriver('bad', overrides as Partial<AnyExporterDefinition>)
      const healthy = createDriver('test')
      const rig = await startSimulated([driver.definition, healthy.definition], { bad: mine, test: mine })
      const exact = (): void => {
        assertExact(rig.ledger('bad'), what)
        JSON.stringify(rig.telemetry.status())
      }
      for (let round = 0; round < 3; round += 1) {
        rig.emit(5)
        await rig.settle()
        exact()
        await rig.pass(4)
        exact()
      }
      assert.equal(rig.ledger('test').delivered, 15, 'the sibling delivers')
      const put = rig.telemetry.config.put('bad.endpoint', 'two').catch(() => {})
      await rig.pass(15)
      await put
      exact()
      rig.emit(1)
      const report = await rig.end(1000)
      const { bad } = report.exporters
      assertExact(bad!, what)
      assert.equal(bad!.accepted, weights[what] ?? 16)
      assert.equal(totalPending(bad!), 0)
      assert.equal(rig.clock.timers, 0)
    })

  it('empties or shortens its batch delivers what it was given, and sends it again whole', async () => {
    const seen: number[] = []
    const driver = createDriver('test', {
      export: (_client: unknown, batch: readonly unknown[]) => {
        seen.push(batch.length)
        ;(batch as unknown[]).splice(0)
        return Promise.resolve(
          seen.length === 1 ? { type: 'retry', cause: new Error('down') } : { type: 'delivered' },
        )
      },
    } as Partial<AnyExporterDefinition>)
    const rig = await startSimulated([driver.definition], { test: mine })
    rig.emit(100)
    await rig.pass(5)
    assert.deepEqual(seen, [100, 100])
    assert.equal(rig.ledger().delivered, 100)
    assert.equal((await rig.end()).complete, true)
  })
})

describe('a host whose functions are async and reject', () => {
  const uncaught: unknown[] = []
  const note = (error: unknown): number => uncaught.push(error)
  before(() => process.on('unhandledRejection', note))
  after(() => process.off('unhandledRejection', note))
  afterEach(endSimulated)

  it('hears of it nowhere: loggers, inspectors, handlers and subscribers', async () => {
    const reject = (): never => Promise.reject(new Error('nobody asked')) as never
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: mine }, undefined, reject)
    rig.telemetry.observe(reject)
    rig.telemetry.attach('mine', '*', reject)
    rig.telemetry.config.subscribe('*', reject)
    driver.reply = () => ({ type: 'refused', cause: new Error('no') })
    rig.emit(3)
    await rig.pass(1)
    await rig.telemetry.config.put('test.batch_size', 7)
    const logger = guardedLogger({ debug: reject, info: reject, warn: reject, error: reject })
    logger.warn({}, 'x')
    redactedLogger(logger, (text) => text).error({}, 'x')
    await rig.pass(1)
    assert.deepEqual(uncaught, [])
  })
})

describe('a clock that fails for a while', () => {
  it('holds up nothing that comes after', async () => {
    const driver = createDriver()
    const simulated = createSimulatedClock()
    let fails = false
    const read = (time: () => number) => (): number => {
      if (fails) throw new Error('no time')
      return time()
    }
    const clock = { ...simulated, now: read(simulated.now), monotonic: read(simulated.monotonic) }
    const telemetry = createTelemetry({
      ...{ types: [driver.definition], clock, logger: quietLogger, drainOnExit: false },
      config: { env: {}, init: { test: mine } },
    })
    await telemetry.start()
    telemetry.emit('app.before')
    fails = true
    assert.throws(() => telemetry.status(), /no time/, 'its events were handed over')
    fails = false
    telemetry.emit('app.after')
    await simulated.advance(1_000)
    assert.deepEqual(driver.delivered, ['app.before', 'app.after'])
    await telemetry.stop()
  })
})
