/**
 * Whoever inspects sees names, states and counts, in copies: no context, input, output, error, batch or live
 * reference, whatever the machine; and an observer that fails harms nobody.
 */
import assert from 'node:assert/strict'
import { assign, createActor, fromPromise, fromTransition, type InspectionEvent, setup } from 'xstate'
import { createTelemetry, mock } from '../../src/index.ts'
import { createSafeInspector, type SafeRecord } from '../../src/inspect/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { createDriver } from '../support/scripted-driver.ts'

const canary = 'canary-5ecret'

/** Everything that can be reached from a value, functions called, as text. */
function everything(value: unknown, seen = new Set<unknown>()): string {
  if (typeof value === 'function') return everything(value(), seen)
  if (typeof value !== 'object' || value === null) return String(value)
  if (seen.has(value)) return ''
  seen.add(value)
  return Reflect.ownKeys(value)
    .map((key) => `${String(key)}=${everything((value as Record<PropertyKey, unknown>)[key], seen)}`)
    .join(';')
}

const leaky = setup({
  types: { context: {} as { secret: string }, events: {} as { type: 'go' | 'end'; secret: string } },
  actors: {
    work: fromPromise<string, { secret: string }>(({ input }) => Promise.resolve(input.secret)),
    fails: fromPromise<string, { secret: string }>(({ input }) => Promise.reject(new Error(input.secret))),
    plain: fromTransition((state: { value: string }) => state, { value: canary }),
  },
  actions: {
    take: assign({ secret: ({ event }) => event.secret }),
    log: (_, _params: { secret: string }) => {},
  },
}).createMachine({
  id: 'leaky',
  context: { secret: canary },
  initial: 'idle',
  invoke: { src: 'plain', id: 'plain' },
  states: {
    idle: {
      on: {
        go: {
          target: 'working',
          actions: ['take', { type: 'log', params: ({ event }) => ({ secret: event.secret }) }],
        },
      },
    },
    working: {
      invoke: { src: 'work', input: ({ context }) => context, onDone: 'failing' },
    },
    failing: {
      invoke: { src: 'fails', input: ({ context }) => context, onError: 'idle' },
      exit: 'take',
    },
  },
})

/** Runs the leaky machine once round, so that each kind of record is made. */
async function runLeaky(inspect: ReturnType<typeof createSafeInspector>): Promise<void> {
  const actor = createActor(leaky, { inspect })
  actor.subscribe({ error: () => {} })
  actor.start()
  const round = new Promise<void>((resolve) => {
    let failing = false
    actor.subscribe({
      next: (snapshot) => {
        if (snapshot.matches('failing')) failing = true
        else if (failing) resolve()
      },
      error: () => resolve(),
    })
  })
  actor.send({ type: 'go', secret: canary })
  await round
  actor.stop()
}

describe('the safe inspector', () => {
  it('shows every kind of record, and in none of them what is secret', async () => {
    const records: SafeRecord[] = []
    const texts: string[] = []
    await runLeaky(
      createSafeInspector((event) => {
        records.push(event as unknown as SafeRecord)
        texts.push(everything(event))
      }),
    )
    const kinds = new Set(records.map(({ type }) => type))
    for (const kind of ['actor', 'event', 'snapshot', 'microstep', 'action'] as const)
      assert.ok(kinds.has(`@xstate.${kind}`), kind)
    for (const text of texts) assert.doesNotMatch(text, new RegExp(canary))
    for (const record of records) assert.doesNotMatch(everything(record), new RegExp(canary), 'also later')
    assert.ok(records.some(({ snapshot }) => snapshot?.value === 'failing'))
  })

  it('hands out copies that stay as they were', async () => {
    const values: [SafeRecord, string][] = []
    await runLeaky(
      createSafeInspector((event) => {
        const record = event as unknown as SafeRecord
        values.push([record, JSON.stringify([record.snapshot, record.event])])
      }),
    )
    for (const [{ snapshot, event }, then] of values) assert.equal(JSON.stringify([snapshot, event]), then)
  })

  it('survives a target that throws, rejects, or is not a function', async () => {
    const throwing = (): never => {
      throw new Error('observer')
    }
    for (const target of [throwing, { next: throwing }, {}, async () => throwing()])
      await runLeaky(createSafeInspector(target as (event: InspectionEvent) => void))
  })

  it('survives records it cannot read', () => {
    let heard = 0
    const { next } = createSafeInspector(() => {
      heard += 1
    })
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('hostile')
        },
      },
    )
    for (const record of [
      hostile,
      null,
      7,
      {},
      { type: '@xstate.event' },
      { type: '@xstate.new', actorRef: {} },
    ])
      next?.(record as InspectionEvent)
    assert.equal(heard, 0)
  })

  it('counts the events of a batch and shows nothing of them', async () => {
    const events: Record<string, unknown>[] = []
    const types = [mock()]
    const telemetry = createTelemetry({
      types,
      config: { init: { mock: {} } },
      drainOnExit: false,
      inspect: createSafeInspector((event) => {
        const { event: seen } = event as unknown as SafeRecord
        if (seen) events.push({ ...seen })
        assert.doesNotMatch(everything(event), new RegExp(canary))
      }),
    })
    await telemetry.start()
    telemetry.emit(`job.${canary}`, { [canary]: 1 }, { key: canary })
    telemetry.emit('job.done', {}, { key: canary })
    await telemetry.flush()
    const { complete } = await telemetry.stop()
    assert.ok(complete)
    const batches = events.filter(({ type }) => type === 'telemetry.batch')
    assert.ok(batches.some(({ items, events: count }) => items === 2 && count === 2))
    for (const batch of batches)
      assert.deepEqual(Object.keys(batch), ['type', 'items', 'events', 'bytes', 'urgent'])
    assert.ok(events.some(({ type, purpose }) => type === 'permit.request' && purpose === 'urgent'))
  })

  it('shows the failover chart and each breaker, with endpoints by their index', async () => {
    const records: SafeRecord[] = []
    const endpoints = ['http://127.0.0.1:9/', 'http://127.0.0.1:10/'].map((url) => `${url}${canary}`)
    const telemetry = createTelemetry({
      config: { init: { otel: { endpoints, headers: { 'x-api-key': canary } } }, env: {} },
      drainOnExit: false,
      logger: quietLogger,
      inspect: createSafeInspector((event) => {
        records.push(event as unknown as SafeRecord)
        assert.doesNotMatch(everything(event), new RegExp(canary))
      }),
    })
    await telemetry.start()
    telemetry.breaker('otel', { endpoint: 0 }).forceOpen()
    telemetry.emit('job.start', {}, { correlation_id: 1 })
    telemetry.emit('job.success', {}, { correlation_id: 1 })
    await telemetry.flush({ timeoutMs: 500 })
    telemetry.breaker('otel').forceOpen()
    await telemetry.stop({ timeoutMs: 500 })
    const values = (id: string) =>
      records.flatMap(({ type, actorRef, snapshot }) =>
        type === '@xstate.snapshot' && actorRef.id === id ? [snapshot?.value] : [],
      )
    assert.ok(values('breaker:otel').includes('forced_open'))
    assert.ok(values('breaker:otel@1').includes('forced_open'))
    const serving = values('failover:otel').map((value) => (value as { serving: string }).serving)
    for (const state of ['fallback', 'none']) assert.ok(serving.includes(state), state)
    const events = (wanted: string): unknown[] =>
      records.flatMap(({ type, event }) =>
        type === '@xstate.event' && event?.type === wanted ? [event] : [],
      )
    assert.deepEqual(events('endpoint.changed'), [
      { type: 'endpoint.changed', endpoint: 1 },
      { type: 'endpoint.changed', endpoint: null },
    ])
    assert.deepEqual(events('breaker.shown').at(-1), {
      ...{ type: 'breaker.shown', endpoint: 1, availability: 'forced_open' },
    })
  })

  it('names the keys of a configuration change, and none of their values', async () => {
    const driver = createDriver()
    const events: Record<string, unknown>[] = []
    const telemetry = createTelemetry({
      types: [driver.definition],
      config: { init: { test: { event_patterns: ['app.*'] } }, env: {} },
      drainOnExit: false,
      logger: quietLogger,
      inspect: createSafeInspector((event) => {
        const { type, event: seen } = event as unknown as SafeRecord
        if (type === '@xstate.event' && seen) events.push({ ...seen })
        assert.doesNotMatch(everything(event), new RegExp(canary))
      }),
    })
    const keysOf = (wanted: string): unknown[] =>
      events.filter(({ type }) => type === wanted).map(({ keys, changes }) => keys ?? changes)
    await telemetry.start()
    await telemetry.config.put({ 'test.endpoint': canary, 'test.batch_size': 7 })
    const keys = ['batch_size', 'endpoint']
    assert.deepEqual(keysOf('config.change'), [[{ id: 'test', effect: 'rebuild', keys }]])
    assert.deepEqual(keysOf('config.prepare'), [keys])
    assert.deepEqual(keysOf('config.commit'), [keys])
    driver.opening = () => Promise.reject(new Error('no'))
    await assert.rejects(telemetry.config.put('test.endpoint', `other ${canary}`))
    assert.deepEqual(keysOf('config.abort'), [['endpoint']])
    await telemetry.stop()
  })
})
