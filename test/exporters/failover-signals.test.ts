// Fallback endpoints of log records and of metrics, end to end over HTTP: nothing is lost, and nothing counts twice.

import assert from 'node:assert/strict'
import { createTelemetry, type Telemetry } from '../../src/index.ts'
import { type Backend, createBackend, metricTotals } from '../../src/testing/index.ts'
import { assertExact } from '../support/ledger.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const quick = {
  event_patterns: ['job.*'],
  failure_threshold: 1,
  initial_reset_timeout: 0.05,
  reset_timeout: 0.2,
}

describe('fallback endpoints', () => {
  const closing: (() => unknown)[] = []
  let primary: Backend
  let fallback: Backend
  beforeEach(async () => {
    ;[primary, fallback] = [createBackend(), createBackend()]
    for (const backend of [primary, fallback]) {
      await backend.listen()
      closing.push(() => backend.close())
    }
  })
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  const start = async (id: string, urlOf: (backend: Backend) => string): Promise<Telemetry> => {
    const init = { [id]: { ...quick, endpoints: [urlOf(primary), urlOf(fallback)] } }
    const telemetry = createTelemetry({ config: { env: {}, init }, logger: quietLogger, drainOnExit: false })
    closing.push(() => telemetry.stop({ timeoutMs: 500 }))
    await telemetry.start()
    return telemetry
  }
  /** Resolves when an endpoint has become the one that serves. */
  const serves = (telemetry: Telemetry, endpoint: string): Promise<void> =>
    new Promise((resolve) => {
      telemetry.attach(`until ${endpoint}`, 'telemetry.endpoint.state', ({ metadata }) => {
        if (metadata.to === endpoint) resolve()
      })
    })
  /** Emits and flushes at the primary, at the fallback while the primary is away, and at the primary again. */
  const moveToAndFro = async (telemetry: Telemetry, emit: () => void): Promise<void> => {
    const flush = async (): Promise<void> => assert.ok((await telemetry.flush({ timeoutMs: 5_000 })).complete)
    emit()
    await flush()
    primary.fault({ type: 'refuse' })
    const away = serves(telemetry, '1')
    emit()
    await telemetry.flush({ timeoutMs: 5_000 })
    await away
    await flush()
    await primary.clear()
    const back = serves(telemetry, '0')
    const trickle = setInterval(emit, 5)
    await back
    clearInterval(trickle)
    emit()
    await flush()
  }

  it('get each log record once, whichever serves', async () => {
    const telemetry = await start('otel_logs', ({ logsUrl }) => logsUrl)
    let emitted = 0
    await moveToAndFro(telemetry, () => {
      emitted += 1
      telemetry.emit('job.done', {}, { n: emitted })
    })
    const numbers = [primary, fallback].map(({ logRecords }) =>
      logRecords.map(({ attributes }) => attributes.n),
    )
    assert.ok(numbers.every(({ length }) => length > 0))
    assert.deepEqual(
      numbers.flat().toSorted((a, b) => Number(a) - Number(b)),
      Array.from({ length: emitted }, (_, i) => i + 1),
    )
    const { ledger, endpoints } = telemetry.status().exporters.otel_logs!
    assertExact(ledger)
    assert.deepEqual(
      endpoints?.map(({ delivered }) => delivered),
      numbers.map(({ length }) => length),
    )
  })

  for (const temporality of ['cumulative', 'delta'])
    it(`get metrics whose sum is exact, as ${temporality} points`, async () => {
      const telemetry = await start('otel_metrics', ({ metricsUrl }) => metricsUrl)
      await telemetry.config.put({ 'otel_metrics.temporality': temporality, 'otel_metrics.interval': 1 })
      let emitted = 0
      await moveToAndFro(telemetry, () => {
        emitted += 2
        telemetry.emit('job.done', { count: 2 })
      })
      assert.ok(primary.pointCount > 0 && fallback.pointCount > 0)
      const points = [...primary.points, ...fallback.points]
      const totals = [...metricTotals(points, 'job.done').values()]
      assert.equal(
        totals.reduce((all, { sum }) => all + sum, 0),
        emitted,
      )
      assertExact(telemetry.status().exporters.otel_metrics!.ledger)
    })
})
