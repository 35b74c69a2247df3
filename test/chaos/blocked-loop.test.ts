/**
 * An application that blocks the event loop, for longer than any timeout, is no fault of the backend: what it answered
 * meanwhile counts, its breaker stays closed, nothing is sent twice, and delivery goes on at once.
 */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { createTelemetry, otel, type Telemetry } from '../../src/index.ts'
import { decodeTraceRequest } from '../../src/testing/index.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { blockEventLoop, type OtherThread, startOtherThread } from './other-thread.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'
/** In a night as long as a machine under the worst load, or in a debugger, stands still. */
const blockMs = nightly ? 30_000 : 700
/** Of an attempt, in seconds. The block outlasts a short one; no starved thread outlasts a long one. */
const short = nightly ? 10 : 0.25
const long = 600

describe('a blocked event loop', function () {
  this.timeout(blockMs * 4 + 300_000)
  let backend: OtherThread
  let telemetry: Telemetry
  let emitted = 0

  const begin = async (timeout: number): Promise<void> => {
    backend = await startOtherThread()
    emitted = 0
    telemetry = createTelemetry({
      types: [otel()],
      logger: quietLogger,
      drainOnExit: false,
      config: {
        env: {},
        init: {
          otel: {
            ...{ endpoint: backend.url, timeout, batch_size: 5, flush_interval: 0.01 },
            ...{ failure_threshold: 1, reset_timeout: 0.1 },
          },
        },
      },
    })
    await telemetry.start()
  }
  const end = async (): Promise<void> => {
    await telemetry.stop()
    await backend.close()
  }
  afterEach(end)

  const work = (count: number): void => {
    for (let i = 0; i < count; i += 1) {
      emitted += 1
      telemetry.emit('job.start', {}, { correlation_id: emitted })
      telemetry.emit('job.success', {}, { correlation_id: emitted })
    }
  }
  const exporter = () => telemetry.status().exporters.otel!
  const arrived = async (): Promise<number> =>
    (await backend.bodies()).reduce(
      (sum, body) =>
        sum +
        decodeTraceRequest(body)
          .resourceSpans.flatMap(({ scopeSpans }) => scopeSpans)
          .reduce((total, { spans }) => total + spans.length, 0),
      0,
    )

  /** Blocks with four requests under way, until all are answered and their timeouts are over. */
  const blockWhileAnswered = async (timeoutMs: number): Promise<boolean> => {
    const from = performance.now()
    backend.hold()
    work(20)
    while (backend.held() < 4) {
      if (performance.now() - from > timeoutMs) return false
      await pause(1)
    }
    // In the phase after which timers run before sockets are read.
    await new Promise((resolve) => setImmediate(resolve))
    // A starved machine came this far too late: the attempts have rightly ended without an answer.
    if (performance.now() - from > timeoutMs) return false
    backend.release()
    blockEventLoop(Math.max(blockMs, 1.2 * timeoutMs))
    while (backend.answered() < 4) blockEventLoop(1)
    return true
  }

  it('loses nothing, sends nothing twice and blames no backend that answered meanwhile', async () => {
    // Doubled until the machine is fast enough to bring four requests under way within it.
    for (let timeout = short; ; timeout *= 2) {
      await begin(timeout)
      if (await blockWhileAnswered(timeout * 1_000)) break
      await end()
    }
    const { complete } = await telemetry.flush({ timeoutMs: 60_000 })
    assert.equal(complete, true)
    const { ledger, breaker } = exporter()
    assertExact(ledger)
    assert.deepEqual([ledger.delivered, ledger.ambiguous, breaker], [40, 0, 'closed'])
    assert.equal(await arrived(), 20)
  })

  it('takes what the application emits while it blocks', async () => {
    await begin(long)
    const until = performance.now() + blockMs
    while (performance.now() < until) {
      work(50)
      blockEventLoop(blockMs / 10)
    }
    await telemetry.flush({ timeoutMs: 60_000 })
    const { ledger } = exporter()
    assertExact(ledger)
    assert.deepEqual([ledger.delivered, ledger.dropped], [2 * emitted, {}])
    assert.equal(await arrived(), emitted)
  })

  it('again and again delays delivery no longer than it lasts', async () => {
    await begin(short)
    backend.delay(5)
    for (let round = 0; round < (nightly ? 3 : 5); round += 1) {
      work(10)
      await pause(1)
      blockEventLoop(short * 1_000 + 20)
    }
    // If the other thread is starved, attempts end without an answer: the breaker opens, and is probed again soon.
    const from = performance.now()
    while (exporter().ledger.delivered < 2 * emitted) {
      assert.ok(performance.now() - from < 60_000, JSON.stringify(telemetry.status()))
      await pause(10)
    }
    const { ledger } = exporter()
    assertExact(ledger)
    const spans = await arrived()
    assert.ok(spans * 2 >= ledger.delivered && spans * 2 <= ledger.delivered + ledger.ambiguous)
  })

  it('that outlasts a change, a flush and a stop lets each of them end', async () => {
    await begin(short)
    work(10)
    const ends = [
      telemetry.config.put('otel.batch_size', 7),
      telemetry.flush({ timeoutMs: 50 }),
      telemetry.restart('otel'),
    ]
    blockEventLoop(blockMs)
    await Promise.all(ends)
    work(10)
    const stopped = telemetry.stop({ timeoutMs: 2_000 })
    blockEventLoop(Math.min(blockMs, 1_000))
    const { exporters } = await stopped
    assertExact(exporters.otel!)
    assert.equal(exporters.otel?.accepted, 40)
    assert.equal(totalPending(exporters.otel!), 0)
  })
})
