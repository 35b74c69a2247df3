// Fallback endpoints, end to end over HTTP: the next endpoint takes over when the breaker of the preferred one opens,
// that one is probed and taken back, nothing is lost or sent to both, and the ledger says who got what.

import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { wireDelivery, wireSystem } from '../../src/control/effects.ts'
import { createTelemetry, type ExporterStatus, type Telemetry } from '../../src/index.ts'
import { assembleTelemetry } from '../../src/telemetry.ts'
import { type Backend, createBackend } from '../../src/testing/index.ts'
import { inTime } from '../support/in-time.ts'
import { assertExact, totalPending } from '../support/ledger.ts'

/** Looks once in each turn of the event loop. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await nextTurn()
}

const quick = { flush_interval: 0.02, failure_threshold: 2, initial_reset_timeout: 0.05, reset_timeout: 0.2 }

describe('an exporter with fallback endpoints', () => {
  const closing: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  const backend = async (): Promise<Backend> => {
    const started = createBackend()
    await started.listen()
    closing.push(() => started.close())
    return started
  }
  const silent = { debug() {}, info() {}, warn() {}, error() {} }
  const optionsOf = (init: Record<string, unknown>) => ({
    config: { env: {}, init: init as { otel: object } },
    logger: silent,
    drainOnExit: false,
  })
  const begin = async (telemetry: Telemetry): Promise<Telemetry> => {
    closing.push(() => telemetry.stop({ timeoutMs: 500 }))
    await telemetry.start()
    return telemetry
  }
  const run = async (endpoints: readonly Backend[], more: Record<string, unknown> = {}) =>
    begin(
      createTelemetry(optionsOf({ otel: { endpoints: endpoints.map(({ url }) => url), ...quick, ...more } })),
    )

  let emitted = 0
  beforeEach(() => {
    emitted = 0
  })
  const emit = (telemetry: Telemetry, spans: number): void => {
    for (let i = 0; i < spans; i += 1) {
      emitted += 1
      telemetry.emit('job.start', {}, { correlation_id: emitted })
      telemetry.emit('job.success', { duration_ms: 1 }, { correlation_id: emitted })
    }
  }
  /** Emits a few spans every few milliseconds until it is stopped. */
  const load = (telemetry: Telemetry): (() => void) => {
    const timer = setInterval(() => emit(telemetry, 5), 5)
    const stop = (): void => clearInterval(timer)
    closing.push(stop)
    return stop
  }
  const otel = (telemetry: Telemetry): ExporterStatus => telemetry.status().exporters.otel!
  const serving = (telemetry: Telemetry): number =>
    otel(telemetry).endpoints?.findIndex(({ serves }) => serves) ?? 0

  /** Resolves when an endpoint has become the one that serves: `0`, `1` or `none`. */
  const serves = (telemetry: Telemetry, endpoint: string): Promise<void> => {
    const hears = new Promise<void>((resolve) => {
      const off = telemetry.attach(
        `until ${endpoint} ${Math.random()}`,
        'telemetry.endpoint.state',
        (event) => {
          if (event.metadata.to !== endpoint) return
          off()
          resolve()
        },
      )
    })
    return inTime(30_000, `${endpoint} serves`, hears)
  }
  const breakerOf = (telemetry: Telemetry, endpoint: number) => otel(telemetry).endpoints?.[endpoint]?.breaker
  /** Ids of the spans that backends have accepted, of each span as often as it was. */
  const idsOf = (...backends: readonly Backend[]): string[] =>
    backends.flatMap(({ spans }) => spans.map(({ attributes }) => String(attributes.correlation_id)))

  const assertEachOnce = (telemetry: Telemetry, ...backends: readonly Backend[]): void => {
    const ids = idsOf(...backends)
    assert.equal(new Set(ids).size, emitted, 'each span arrived')
    assert.equal(ids.length, emitted, 'no span arrived twice')
    const { ledger, endpoints = [] } = otel(telemetry)
    assertExact(ledger)
    assert.equal(ledger.delivered, 2 * emitted)
    assert.deepEqual(
      endpoints.map(({ delivered }) => delivered),
      backends.map(({ spanCount }) => 2 * spanCount),
    )
  }

  for (const [what, fault] of [
    ['refuses connections', { type: 'refuse' }],
    ['answers 503', { type: 'status', status: 503 }],
    ['answers 401', { type: 'status', status: 401 }],
  ] as const)
    it(`moves to the fallback when the primary ${what}, and loses nothing under load`, async () => {
      const [primary, fallback] = [await backend(), await backend()]
      const telemetry = await run([primary, fallback])
      const stop = load(telemetry)
      await primary.waitForSpans(20)
      primary.fault(fault)
      await serves(telemetry, '1')
      assert.notEqual(breakerOf(telemetry, 0), 'closed')
      await fallback.waitForSpans(50)
      stop()
      assert.ok((await telemetry.flush()).complete)
      assertEachOnce(telemetry, primary, fallback)
    })

  it('takes the primary back when a probe has shown that it is well', async () => {
    const [primary, fallback] = [await backend(), await backend()]
    const telemetry = await run([primary, fallback])
    const stop = load(telemetry)
    primary.fault({ type: 'status', status: 503 })
    await serves(telemetry, '1')
    await fallback.waitForSpans(20)
    await primary.clear()
    await serves(telemetry, '0')
    const before = primary.spanCount
    await primary.waitForSpans(before + 50)
    stop()
    assert.ok((await telemetry.flush()).complete)
    assertEachOnce(telemetry, primary, fallback)
    const moves = telemetry.status({ history: true }).history?.filter(({ kind }) => kind === 'endpoint')
    assert.deepEqual(
      moves?.map(({ from, to }) => `${from} to ${to}`),
      ['0 to 1', '1 to 0'],
    )
  })

  it('goes on at the fallback while a probe of the primary hangs, and counts what may have arrived', async () => {
    const [primary, fallback] = [await backend(), await backend()]
    const telemetry = await run([primary, fallback])
    const stop = load(telemetry)
    primary.fault({ type: 'status', status: 503 })
    await serves(telemetry, '1')
    primary.clear()
    primary.fault({ type: 'hang', accepted: true }, { times: 1 })
    const requests = primary.stats().requests
    await primary.waitForRequests(requests + 1)
    const during = fallback.spanCount
    await fallback.waitForSpans(during + 50)
    assert.equal(serving(telemetry), 1)
    const back = serves(telemetry, '0')
    primary.cutConnections()
    await back
    stop()
    assert.ok((await telemetry.flush()).complete)
    const { ledger, endpoints } = otel(telemetry)
    assertExact(ledger)
    const twice = idsOf(primary, fallback).length - emitted
    assert.ok(twice > 0 && 2 * twice === ledger.ambiguous, `${twice} arrived twice`)
    assert.equal(endpoints?.[0]?.ambiguous, ledger.ambiguous)
    assert.equal(new Set(idsOf(primary, fallback)).size, emitted)
  })

  it('moves to the fallback after one wave of timeouts, although failure_threshold is higher', async () => {
    const [primary, fallback] = [await backend(), await backend()]
    const telemetry = await run([primary, fallback], {
      ...{ timeout: 1, max_in_flight: 2, batch_size: 5, failure_threshold: 1000, reset_timeout: 60 },
    })
    primary.fault({ type: 'hang' })
    const moved = serves(telemetry, '1')
    emit(telemetry, 50)
    await primary.waitForRequests(2)
    // For the attempts at the fallback, which a busy machine may delay.
    await telemetry.config.put('otel.timeout', 60)
    await moved
    assert.equal(primary.stats().requests, 2)
    assert.ok((await telemetry.flush()).complete)
    assertEachOnce(telemetry, primary, fallback)
  })

  it('keeps everything while both are down', async () => {
    const [primary, fallback] = [await backend(), await backend()]
    const telemetry = await run([primary, fallback])
    primary.fault({ type: 'status', status: 503 })
    fallback.fault({ type: 'status', status: 503 })
    emit(telemetry, 50)
    await serves(telemetry, 'none')
    emit(telemetry, 50)
    assert.equal(totalPending(otel(telemetry).ledger), 200)
    await fallback.clear()
    await fallback.waitForSpans(100)
    assert.equal(serving(telemetry), 1)
    assert.ok((await telemetry.flush()).complete)
    assertEachOnce(telemetry, primary, fallback)
  })

  it('flushes to the fallback when the breaker of the primary is open', async () => {
    const [primary, fallback] = [await backend(), await backend()]
    const telemetry = await run([primary, fallback], { reset_timeout: 60, initial_reset_timeout: 60 })
    primary.fault({ type: 'status', status: 503 })
    emit(telemetry, 1)
    await serves(telemetry, '1')
    emit(telemetry, 5)
    assert.ok((await telemetry.flush()).complete)
    assertEachOnce(telemetry, primary, fallback)
  })

  it('flushes to no endpoint that has asked to be left alone, but probes the others', async () => {
    const backends = [await backend(), await backend(), await backend()]
    const [first, second, third] = backends as [Backend, Backend, Backend]
    const telemetry = await run(backends, {
      ...{ reset_timeout: 60, initial_reset_timeout: 60, failure_threshold: 1 },
    })
    first.fault({ type: 'status', status: 503, retryAfter: 60 })
    second.fault({ type: 'status', status: 503 })
    third.fault({ type: 'status', status: 429, retryAfter: 60 })
    emit(telemetry, 5)
    await serves(telemetry, 'none')
    for (const one of backends) await one.clear()
    const asked = [first, third].map((one) => one.stats().requests)
    second.fault({ type: 'status', status: 503 })
    assert.equal((await telemetry.flush()).complete, false)
    assert.equal(second.stats().requests, 2)
    await second.clear()
    assert.ok((await telemetry.flush()).complete)
    assert.deepEqual(
      [first, third].map((one) => one.stats().requests),
      asked,
    )
    assertEachOnce(telemetry, first, second, third)
  })

  it('drains even to endpoints that have asked to be left alone', async () => {
    const [primary, fallback] = [await backend(), await backend()]
    const telemetry = await run([primary, fallback], { reset_timeout: 60, failure_threshold: 1 })
    for (const one of [primary, fallback]) one.fault({ type: 'status', status: 503, retryAfter: 60 })
    emit(telemetry, 5)
    await serves(telemetry, 'none')
    await fallback.clear()
    const { complete } = await telemetry.stop({ timeoutMs: 10_000 })
    assert.ok(complete)
    assert.equal(fallback.spanCount, 5)
  })

  for (const [what, fault] of [
    ['refuses', { type: 'refuse' }],
    ['hangs', { type: 'hang' }],
  ] as const)
    it(`drains to the fallback when it stops while the primary ${what}`, async () => {
      const [primary, fallback] = [await backend(), await backend()]
      const telemetry = await run([primary, fallback], { flush_interval: 60 })
      primary.fault(fault)
      emit(telemetry, 5)
      const { complete, exporters } = await telemetry.stop({ timeoutMs: 5_000 })
      assert.ok(complete)
      assertExact(exporters.otel!)
      assert.deepEqual(idsOf(fallback).map(Number).sort(), [1, 2, 3, 4, 5])
    })

  it('reports what is left when it stops while both are down', async () => {
    const [primary, fallback] = [await backend(), await backend()]
    const telemetry = await run([primary, fallback], { flush_interval: 60 })
    primary.fault({ type: 'refuse' })
    fallback.fault({ type: 'refuse' })
    emit(telemetry, 5)
    const { complete, exporters } = await telemetry.stop({ timeoutMs: 2_000 })
    assert.equal(complete, false)
    assert.equal(exporters.otel?.dropped.shutdown, 10)
    assertExact(exporters.otel!)
  })

  it('sends nothing where an operator forces the breakers open', async () => {
    const [primary, fallback] = [await backend(), await backend()]
    const telemetry = await run([primary, fallback])
    telemetry.breaker('otel', { endpoint: 0 }).forceOpen()
    emit(telemetry, 5)
    await fallback.waitForSpans(5)
    telemetry.breaker('otel').forceOpen()
    emit(telemetry, 5)
    assert.equal((await telemetry.flush()).complete, false)
    assert.deepEqual([primary.spanCount, fallback.spanCount], [0, 5])
    assert.deepEqual(
      otel(telemetry).endpoints?.map(({ breaker, serves }) => [breaker, serves]),
      [
        ['forced_open', false],
        ['forced_open', false],
      ],
    )
    telemetry.breaker('otel').reset()
    await primary.waitForSpans(5)
    await until(() => otel(telemetry).ledger.delivered === 2 * emitted)
    assertEachOnce(telemetry, primary, fallback)
  })

  it('leaves a primary that an operator forces open at once, even while a request to it hangs', async () => {
    const [primary, fallback] = [await backend(), await backend()]
    const telemetry = await run([primary, fallback])
    primary.fault({ type: 'hang' }, { times: 1 })
    emit(telemetry, 5)
    await primary.waitForRequests(1)
    telemetry.breaker('otel', { endpoint: 0 }).forceOpen()
    emit(telemetry, 5)
    await fallback.waitForSpans(5)
    await until(() => otel(telemetry).ledger.delivered === 10)
    assert.equal(otel(telemetry).ledger.pending.in_flight, 10)
  })

  it('waits as long as a fallback asks for that has served from the beginning', async () => {
    const [primary, fallback] = [await backend(), await backend()]
    const telemetry = await run([primary, fallback])
    telemetry.breaker('otel', { endpoint: 0 }).forceOpen()
    fallback.fault({ type: 'status', status: 503, retryAfter: 1 }, { times: 1 })
    const began = performance.now()
    emit(telemetry, 5)
    await fallback.waitForSpans(5)
    const waited = performance.now() - began
    assert.ok(waited > 900, `${waited} ms`)
  })

  it('drops a batch as misdirected only when every endpoint says so', async () => {
    const [primary, fallback] = [await backend(), await backend()]
    const telemetry = await run([primary, fallback])
    primary.fault({ type: 'status', status: 401 })
    fallback.fault({ type: 'status', status: 403 })
    emit(telemetry, 5)
    await serves(telemetry, 'none')
    assert.equal(otel(telemetry).ledger.dropped.misdirected, 10)
    assertExact(otel(telemetry).ledger)
  })

  it('names an endpoint that does not exist', async () => {
    const telemetry = await run([await backend(), await backend()])
    for (const endpoint of [2, -1, 0.5, '0' as never])
      assert.throws(() => telemetry.breaker('otel', { endpoint }), { code: 'ENDPOINT_UNKNOWN' })
  })

  describe('whose endpoints change', () => {
    it('moves to others while a fallback serves', async () => {
      const [dead, fallback, other] = [await backend(), await backend(), await backend()]
      const telemetry = await run([dead, fallback])
      const stop = load(telemetry)
      dead.fault({ type: 'refuse' })
      await serves(telemetry, '1')
      await telemetry.config.put('otel.endpoints', [other.url, fallback.url])
      await other.waitForSpans(20)
      assert.equal(serving(telemetry), 0)
      stop()
      assert.ok((await telemetry.flush()).complete)
      assertEachOnce(telemetry, other, fallback)
    })

    it('gets a breaker for each, and loses those that are too many', async () => {
      const backends = [await backend(), await backend(), await backend()]
      const [first, second, third] = backends as [Backend, Backend, Backend]
      const telemetry = await begin(createTelemetry(optionsOf({ otel: { endpoint: first.url, ...quick } })))
      const stop = load(telemetry)
      assert.equal(otel(telemetry).endpoints, undefined)
      await first.waitForSpans(5)
      await telemetry.config.put('otel.endpoints', [first.url, second.url])
      first.fault({ type: 'refuse' })
      await second.waitForSpans(20)
      assert.equal(serving(telemetry), 1)
      await telemetry.config.put('otel.endpoints', [first.url, second.url, third.url])
      assert.equal(otel(telemetry).endpoints?.length, 3)
      second.fault({ type: 'refuse' })
      await third.waitForSpans(20)
      assert.equal(serving(telemetry), 2)
      await telemetry.config.put('otel.endpoints', [third.url])
      assert.equal(otel(telemetry).endpoints, undefined)
      const picture = telemetry.snapshot().exporters.otel
      assert.deepEqual(
        [picture?.breaker, picture?.breakers, picture?.failover],
        ['closed', undefined, undefined],
      )
      const before = third.spanCount
      await third.waitForSpans(before + 20)
      stop()
      assert.ok((await telemetry.flush()).complete)
      assert.equal(new Set(idsOf(...backends)).size, emitted)
      assert.equal(idsOf(...backends).length, emitted)
      assertExact(otel(telemetry).ledger)
    })
  })

  it('survives a crash of its delivery while a fallback serves', async () => {
    const [primary, fallback] = [await backend(), await backend()]
    let isCrashing = false
    const delivery = wireDelivery().provide({
      guards: {
        keepsPermit: ({ context }) => {
          if (isCrashing) {
            isCrashing = false
            throw new Error('crash')
          }
          return context.permit !== null && !context.recalled
        },
      },
    })
    const options = optionsOf({
      otel: { endpoints: [primary.url, fallback.url], ...quick, reset_timeout: 60 },
    })
    const telemetry = await begin(assembleTelemetry(options, wireSystem({ delivery })))
    const stop = load(telemetry)
    telemetry.breaker('otel', { endpoint: 0 }).forceOpen()
    await fallback.waitForSpans(20)
    isCrashing = true
    const restarted = new Promise<void>((resolve) => {
      telemetry.attach('restarted', 'telemetry.exporter.state', ({ metadata }) => {
        if (metadata.from === 'restarting' || metadata.to === 'serving') resolve()
      })
    })
    await restarted
    const before = fallback.spanCount
    await fallback.waitForSpans(before + 20)
    stop()
    assert.equal(serving(telemetry), 1)
    assert.equal(breakerOf(telemetry, 0), 'forced_open')
    assert.ok((await telemetry.flush()).complete)
    assertExact(otel(telemetry).ledger)
    assert.equal(new Set(idsOf(primary, fallback)).size, emitted)
    assert.equal(primary.spanCount, 0)
  })
})
