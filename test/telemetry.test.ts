// Guards the main job from outside: spans and metrics arrive, exporters move under load, and whatever goes wrong
// is counted, shown and harmless.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  createTelemetry,
  defineExporter,
  type LedgerStatus,
  mock,
  otel,
  prometheus,
  type Telemetry,
  TelemetryConfigError,
  TelemetryError,
  type TelemetryStatus,
} from '../src/index.ts'
import { assembleTelemetry } from '../src/telemetry.ts'
import { createBackend } from '../src/testing/index.ts'
import { mortalSystem } from '../src/testing/mortal.ts'
import { createPatience } from '../src/testing/patience.ts'
import { inTime } from './support/in-time.ts'
import { assertExact } from './support/ledger.ts'
import { startOpened } from './support/opened.ts'
import { freePort } from './support/ports.ts'
import { quietLogger } from './support/quiet-logger.ts'

function assertBalanced({
  exporters,
}: {
  exporters: Record<string, LedgerStatus> | TelemetryStatus['exporters']
}) {
  for (const [id, entry] of Object.entries(exporters))
    assertExact('ledger' in entry ? entry.ledger : entry, id)
}

/** Waits, by turns of the event loop, until a condition holds. */
async function until(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
  const isOver = createPatience(timeoutMs)
  while (!condition()) {
    if (isOver()) assert.fail(`in vain: ${what}`)
    await nextTurn()
  }
}

const pageOf = (telemetry: Telemetry, id = 'prometheus'): string =>
  String(telemetry.status().exporters[id]?.client.url)

const scrape = async (url: string): Promise<string> => (await fetch(url)).text()

describe('telemetry', () => {
  let running: Telemetry[] = []
  const create = (options: Parameters<typeof createTelemetry>[0]): Telemetry => {
    const telemetry = createTelemetry({ logger: quietLogger, drainOnExit: false, ...options })
    running.push(telemetry)
    return telemetry
  }
  afterEach(async () => {
    await Promise.all(running.map((telemetry) => telemetry.stop({ timeoutMs: 500 })))
    running = []
  })

  it('turns events into OTLP spans and Prometheus metrics', async () => {
    const backend = createBackend()
    await backend.listen()
    const telemetry = create({
      config: { env: {}, init: { otel: { endpoint: backend.url }, prometheus: { port: 0 } } },
    })
    await startOpened(telemetry)
    telemetry.emit('job.start', {}, { correlation_id: 7, queue: 'mail' })
    telemetry.emit('job.success', { count: 1, duration_ms: 12 }, { correlation_id: 7 })
    const answer = await telemetry.span('db.query', { table: 'users' }, async () => 'rows')
    assert.equal(answer, 'rows')
    assert.equal((await telemetry.flush()).complete, true)

    assert.deepEqual(backend.spans.map(({ name }) => name).sort(), ['db.query', 'job'])
    const page = await scrape(pageOf(telemetry))
    assert.match(page, /^job_success_total 1$/m)
    assert.match(page, /^job_success_duration_seconds_sum 0.012$/m)
    assertBalanced(telemetry.status())
    const report = await telemetry.stop()
    assert.equal(report.complete, true)
    assertBalanced(report)
    await backend.close()
  })

  it('does not call a flush before the start complete while events wait for it', async () => {
    const recorder = mock()
    const telemetry = create({ types: [recorder], config: { env: {}, init: { mock: {} } } })
    assert.equal((await telemetry.flush()).complete, true)
    telemetry.emit('job.done', { count: 1 })
    assert.equal((await telemetry.flush()).complete, false)
    await telemetry.start()
    assert.equal((await telemetry.flush()).complete, true)
    assert.equal(recorder.events.length, 1)
  })

  for (const client of ['native', 'package'] as const)
    it(`loses nothing when the endpoint moves at 5,000 events a second, with the ${client} client`, async () => {
      const [a, b] = [createBackend({ decode: 'count' }), createBackend({ decode: 'count' })]
      await Promise.all([a.listen(), b.listen()])
      const telemetry = create({ config: { env: {}, init: { otel: { endpoint: a.url, client } } } })
      await telemetry.start()

      let spans = 0
      const begun = performance.now()
      /** Emits as many pairs as are due at 5,000 events a second, however slow the machine is. */
      const emitUntil = async (isEnough: (elapsedMs: number) => boolean): Promise<void> => {
        for (let elapsed = 0; !isEnough(elapsed); elapsed = performance.now() - begun) {
          for (; spans < elapsed * 2.5; spans += 1) {
            telemetry.emit('job.start', {}, { correlation_id: spans })
            telemetry.emit('job.success', { duration_ms: 1 }, { correlation_id: spans })
          }
          await nextTurn()
        }
      }
      await emitUntil((elapsed) => elapsed > 500 && a.spanCount > 0)
      const moved = telemetry.config.put('telemetry.otel.endpoint', b.url)
      await emitUntil((elapsed) => elapsed > 1000 && b.spanCount > 0)
      await moved
      const report = await telemetry.stop({ timeoutMs: 60_000 })
      assert.equal(a.spanCount + b.spanCount, spans)
      assert.equal(report.exporters.otel?.delivered, 2 * spans)
      assert.equal(report.exporters.otel?.ambiguous, 0)
      await Promise.all([a.close(), b.close()])
    })

  it('keeps what a refusing backend cannot take, opens the breaker, and delivers after the probe', async () => {
    const backend = createBackend()
    await backend.listen()
    await backend.close()
    const telemetry = create({
      config: {
        env: {},
        init: {
          otel: { endpoint: backend.url, reset_timeout: 0.2, failure_threshold: 2, flush_interval: 0.01 },
        },
      },
    })
    await telemetry.start()
    for (let id = 0; id < 50; id += 1) {
      telemetry.emit('job.start', {}, { correlation_id: id })
      telemetry.emit('job.success', {}, { correlation_id: id })
    }
    const status = (): TelemetryStatus['exporters'][string] | undefined => telemetry.status().exporters.otel
    await until(() => status()?.breaker === 'open', 'the breaker opens')
    assert.match(status()?.lastError?.message ?? '', /ECONNREFUSED|refused/i)
    assert.equal(status()?.ledger.delivered, 0)
    assertBalanced(telemetry.status())

    await backend.reopen()
    await until(
      () => status()?.breaker === 'closed' && status()?.ledger.delivered === 100,
      'all is delivered',
    )
    assert.equal(backend.spanCount, 50)
    await backend.close()
  })

  it('retries a Prometheus port that is taken at start, says so, and delays no other exporter', async () => {
    const squatter: Server = createServer().listen(0, '127.0.0.1')
    await once(squatter, 'listening')
    const { port } = squatter.address() as AddressInfo
    const recorder = mock()
    const telemetry = create({
      types: [prometheus(), recorder],
      config: { env: {}, init: { prometheus: { port }, mock: {} } },
    })
    await telemetry.start()
    await until(() => telemetry.status().exporters.prometheus?.state === 'retrying', 'it retries')
    const status = telemetry.status().exporters.prometheus
    assert.match(status?.lastError?.message ?? '', /in use/)
    telemetry.emit('job.done', { count: 3 })
    await telemetry.flush()
    assert.equal(recorder.eventsMatching('job.*').length, 1)

    await telemetry.config.put('telemetry.prometheus.port', 0)
    assert.match(await scrape(pageOf(telemetry)), /^job_done_total 3$/m)
    squatter.close()
  })

  it('refuses a change to a taken port; the old page keeps serving', async () => {
    const squatter: Server = createServer().listen(0, '127.0.0.1')
    await once(squatter, 'listening')
    const { port } = squatter.address() as AddressInfo
    const telemetry = create({ config: { env: {}, init: { prometheus: { port: 0 } } } })
    await startOpened(telemetry)
    const before = pageOf(telemetry)
    await assert.rejects(
      telemetry.config.put('telemetry.prometheus.port', port),
      (error) => error instanceof TelemetryConfigError && /in use/.test(error.message),
    )
    assert.equal(pageOf(telemetry), before)
    assert.equal(telemetry.config.get('telemetry.prometheus.port'), 0)
    assert.equal((await fetch(before)).status, 200)
    squatter.close()
  })

  it('counts on over a port change', async () => {
    const telemetry = create({ config: { env: {}, init: { prometheus: { port: 0 } } } })
    await startOpened(telemetry)
    telemetry.emit('job.done', { count: 2 })
    const before = pageOf(telemetry)
    assert.match(await scrape(before), /^job_done_total 2$/m)
    const port = await freePort()
    await telemetry.config.put('telemetry.prometheus.port', port)
    telemetry.emit('job.done', { count: 5 })
    assert.equal(pageOf(telemetry), `http://127.0.0.1:${port}/metrics`)
    assert.match(await scrape(pageOf(telemetry)), /^job_done_total 7$/m)
    await assert.rejects(fetch(before))
  })

  it('is not harmed by handlers that throw or by hostile metadata', async () => {
    const recorder = mock()
    const telemetry = create({ types: [recorder], config: { env: {}, init: { mock: {} } } })
    await telemetry.start()
    telemetry.attach('broken', ['*'], () => {
      throw new Error('broken handler')
    })
    const cyclic: Record<string, unknown> = { ok: 1 }
    cyclic.self = cyclic
    const hostile = new Proxy({}, { ownKeys: () => assert.fail('a trap that throws') })
    for (const metadata of [
      cyclic,
      hostile,
      null,
      7,
      {
        get bomb() {
          throw new Error('getter')
        },
      },
      { big: 1n },
    ])
      telemetry.emit('job.done', { count: 1 }, metadata as object)
    await telemetry.flush()
    assert.equal(recorder.eventsMatching('job.done').length, 6)
    assert.ok(telemetry.status().bus.handlerFailures >= 6)
    assertBalanced(telemetry.status())
  })

  it('survives the crash of an exporter: its queue and ledger, its siblings and the caller', async () => {
    const [fragile, sibling] = [mock({ type: 'fragile' }), mock()]
    const { machine, crash } = mortalSystem()
    const telemetry = assembleTelemetry(
      {
        types: [fragile, sibling],
        logger: quietLogger,
        drainOnExit: false,
        config: { env: {}, init: { fragile: {}, mock: {} } },
      },
      machine,
    )
    running.push(telemetry)
    await telemetry.start()
    crash('fragile', 'a bug in the exporter')
    for (let id = 0; id < 10; id += 1) telemetry.emit('job.done', { count: 1 })
    await until(() => telemetry.status().exporters.fragile?.state === 'restarting', 'the crash is seen')
    assert.match(String(telemetry.status().exporters.fragile?.lastError?.message), /a bug in the exporter/)
    assertBalanced(telemetry.status())
    telemetry.emit('job.late', { count: 1 })
    await until(
      () => fragile.eventsMatching('job.*').length === 11,
      'everything is delivered after the restart',
    )
    assert.equal(telemetry.status().exporters.fragile?.state, 'serving')
    assert.equal(sibling.eventsMatching('job.*').length, 11)
    assertBalanced(telemetry.status())
  })

  it('tears an exporter down and builds it up again when it is disabled and enabled', async () => {
    const recorder = mock()
    const telemetry = create({ types: [recorder], config: { env: {}, init: { mock: {} } } })
    await telemetry.start()
    assert.equal(recorder.openClients, 1)
    telemetry.emit('job.one')
    await telemetry.config.put('telemetry.mock.enabled', false)
    assert.equal(telemetry.status().exporters.mock?.state, 'disabled')
    assert.equal(recorder.openClients, 0)
    assert.equal(recorder.eventsMatching('job.one').length, 1, 'what was pending is delivered first')
    telemetry.emit('job.two')
    await telemetry.config.put('telemetry.mock.enabled', true)
    assert.equal(telemetry.status().exporters.mock?.state, 'serving')
    telemetry.emit('job.three')
    await telemetry.flush()
    assert.deepEqual(
      recorder.eventsMatching('job.*').map(({ name }) => name),
      ['job.one', 'job.three'],
    )
  })

  it('changes patterns and batch size in place', async () => {
    const recorder = mock()
    const telemetry = create({ types: [recorder], config: { env: {}, init: { mock: {} } } })
    await telemetry.start()
    const { version, changes } = await telemetry.config.put({
      'telemetry.mock.event_patterns': ['queuemizer.*', '*.error'],
      'mock.batch_size': 3,
    })
    assert.equal(version, telemetry.status().config.version)
    assert.deepEqual(changes.map(({ path }) => path).sort(), [
      'telemetry.mock.batch_size',
      'telemetry.mock.event_patterns',
    ])
    telemetry.emit('queuemizer.job.error')
    telemetry.emit('other.job')
    await telemetry.flush()
    assert.deepEqual(
      recorder.events.map(({ name }) => name),
      ['queuemizer.job.error'],
      'one delivery, however many patterns match',
    )
    assert.equal(recorder.openClients, 1)
  })

  it('rolls a change over two exporters back when one of them cannot be applied', async () => {
    const squatter: Server = createServer().listen(0, '127.0.0.1')
    await once(squatter, 'listening')
    const { port } = squatter.address() as AddressInfo
    const recorder = mock()
    const telemetry = create({
      types: [prometheus(), recorder],
      config: { env: {}, init: { prometheus: { port: 0 }, mock: { endpoint: 'mock://old' } } },
    })
    await telemetry.start()
    await assert.rejects(
      telemetry.config.put({ 'mock.endpoint': 'mock://new', 'prometheus.port': port }),
      TelemetryConfigError,
    )
    assert.equal(telemetry.config.get('mock.endpoint'), 'mock://old')
    assert.equal(telemetry.status().exporters.mock?.state, 'serving')
    assert.ok(telemetry.status().config.rejected)
    squatter.close()
  })

  it('adds and removes exporters while it runs', async () => {
    const recorder = mock()
    const telemetry = create({ types: [recorder], config: { env: {}, init: { mock: {} } } })
    await telemetry.start()
    await telemetry.config.put({ 'mock_eu.type': 'mock', 'mock_eu.event_patterns': ['eu.*'] })
    assert.deepEqual(Object.keys(telemetry.status().exporters).sort(), ['mock', 'mock_eu'])
    assert.equal(telemetry.status().exporters.mock_eu?.state, 'serving')
    await telemetry.config.unset('telemetry.mock_eu')
    assert.deepEqual(Object.keys(telemetry.status().exporters), ['mock'])
    assert.deepEqual(Object.keys(telemetry.snapshot().exporters), ['mock'])
  })

  it('flushes the exporters it is told to, and waits for no other', async () => {
    const [quick, stuck] = [
      mock({ type: 'quick' }),
      mock({ type: 'stuck', export: () => new Promise<never>(() => {}) }),
    ]
    const telemetry = create({
      types: [quick, stuck],
      config: { env: {}, init: { quick: { flush_interval: 60 }, stuck: { flush_interval: 60 } } },
    })
    await telemetry.start()
    telemetry.emit('job.done')
    assert.equal((await telemetry.flush({ exporters: ['quick'] })).complete, true)
    assert.equal(quick.eventsMatching('job.done').length, 1)
    assert.equal(telemetry.status().exporters.stuck?.ledger.pending.in_flight, 0)
    assert.equal((await telemetry.flush({ timeoutMs: 20 })).complete, false)
  })

  it('keeps events from before the start and counts those after the stop', async () => {
    const recorder = mock()
    const telemetry = create({ types: [recorder], bufferSize: 2, config: { env: {}, init: { mock: {} } } })
    for (const name of ['job.one', 'job.two', 'job.three']) telemetry.emit(name)
    await telemetry.start()
    await telemetry.flush()
    assert.equal(recorder.eventsMatching('job.*').length, 2)
    assert.equal(telemetry.status().bus.dropped.not_started, 1)
    await telemetry.stop()
    const before = telemetry.status().bus.dropped.stopped
    telemetry.emit('job.late')
    assert.equal(telemetry.status().bus.dropped.stopped, before + 1)
    await assert.rejects(
      telemetry.config.put('mock.batch_size', 7),
      (error) => error instanceof TelemetryError && error.code === 'STOPPED',
    )
  })

  it('delivers what a backend that only drains at the end is owed, within the deadline, and reports the rest', async () => {
    const stuck = defineExporter({
      type: 'stuck',
      schema: {},
      open: () => ({}),
      export: () => new Promise<never>(() => {}),
      close: () => {},
    })
    const telemetry = create({ types: [stuck], config: { env: {}, init: { stuck: { batch_size: 10 } } } })
    await telemetry.start()
    for (let id = 0; id < 100; id += 1) telemetry.emit('job.done')
    const report = await inTime(300 + 1500, 'the stop', telemetry.stop({ timeoutMs: 300 }))
    assert.equal(report.complete, false)
    assert.equal(report.exporters.stuck?.dropped.shutdown, 100)
    assertBalanced(report)
  })

  it('rejects a start with a configuration that is wrong, naming every key, and may be started again', async () => {
    const telemetry = create({
      types: [otel()],
      config: {
        env: { TELEMETRY_BATCH_SIZE: '12abc' },
        // @ts-expect-error: there is no such key
        init: { otel: { endpoint: 'ftp://x', colour: 'red' } },
      },
    })
    await assert.rejects(telemetry.start(), (error) => {
      assert.ok(error instanceof TelemetryConfigError)
      const paths = error.problems.map(({ path }) => path).sort()
      assert.ok(paths.includes('telemetry.otel.endpoint') && paths.includes('telemetry.otel.colour'))
      return true
    })
    telemetry.emit('still.harmless')
    assert.equal(telemetry.status().system, 'idle')
  })
})
