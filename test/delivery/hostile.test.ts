/** Drivers that misbehave in every way harm nobody: the ledger stays exact, siblings deliver, nothing is uncaught. */
import assert from 'node:assert/strict'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import type { AnyExporterDefinition, Sink } from '../../src/exporters/exporter.ts'
import { assertExact, createDriver, endRigs, startRig, totalPending } from './harness.ts'

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
  'drops for a reason of its own': {
    ingest: (_: TelemetryEvent, sink: Sink) => sink.drop('because' as never),
  },
  'drops for a reason that pollutes': {
    ingest: (_: TelemetryEvent, sink: Sink) => sink.drop('__proto__' as never),
  },
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
    await endRigs()
    assert.deepEqual(uncaught.splice(0), [])
  })

  for (const [what, overrides] of Object.entries(hostile))
    it(what, async () => {
      const driver = createDriver('bad', overrides as Partial<AnyExporterDefinition>)
      const healthy = createDriver('test')
      const rig = await startRig([driver.definition, healthy.definition], { bad: mine, test: mine })
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
      assert.equal(bad!.accepted, 16)
      assert.equal(totalPending(bad!), 0)
      assert.equal(rig.clock.timers, 0)
    })
})
