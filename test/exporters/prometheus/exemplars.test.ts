// Guards that counters and buckets on a page in OpenMetrics name the span of the latest event they counted, if that is
// switched on, and only of spans that are sampled.
import assert from 'node:assert/strict'
import { createTelemetry, type Telemetry } from '../../../src/index.ts'
import { startOpened } from '../../support/opened.ts'
import { quietLogger } from '../../support/quiet-logger.ts'

const openMetrics = 'application/openmetrics-text; version=1.0.0'

describe('exemplars on the page of the prometheus exporter', () => {
  let telemetry: Telemetry
  const start = async (table: object, others: object = {}): Promise<void> => {
    const init = { prometheus: { port: 0, buckets: [0.01, 0.1, 1], health: false, ...table }, ...others }
    telemetry = createTelemetry({ logger: quietLogger, drainOnExit: false, config: { env: {}, init } })
    await startOpened(telemetry)
  }
  const page = async (accept = openMetrics): Promise<string> => {
    const url = String(telemetry.status().exporters.prometheus?.client.url)
    return (await fetch(url, { headers: { accept, connection: 'close' } })).text()
  }
  /** Lines of a name on the page, without their timestamps. */
  const lines = async (name: string): Promise<string[]> =>
    (await page())
      .split('\n')
      .filter((line) => line.startsWith(name))
      .map((line) => line.replace(/ \d{10}(\.\d+)?$/, ' <time>'))
  /** Emits within a span; returns what an exemplar of it has as its labels. */
  const inSpan = (name: string, measurements: Record<string, number>): string =>
    telemetry.span('around', {}, ({ traceparent }) => {
      telemetry.emit(name, measurements)
      const [, traceId, spanId] = traceparent.split('-')
      return `{trace_id="${traceId}",span_id="${spanId}"}`
    })
  afterEach(() => telemetry.stop())

  it('are off by default', async () => {
    await start({})
    inSpan('job.done', { count: 1, duration_ms: 5 })
    assert.doesNotMatch(await page(), / # \{/)
  })

  it('name the latest span of a counter and of each bucket, with its value and time', async () => {
    await start({ exemplars: true })
    inSpan('job.done', { count: 1, duration_ms: 5 })
    const fast = inSpan('job.done', { count: 1, duration_ms: 10 })
    const slow = inSpan('job.done', { count: 3, duration_ms: 5000 })
    assert.deepEqual(await lines('job_done_total'), [`job_done_total 5 # ${slow} 3 <time>`])
    assert.deepEqual(await lines('job_done_duration_seconds_bucket'), [
      `job_done_duration_seconds_bucket{le="0.01"} 2 # ${fast} 0.01 <time>`,
      'job_done_duration_seconds_bucket{le="0.1"} 2',
      'job_done_duration_seconds_bucket{le="1.0"} 2',
      `job_done_duration_seconds_bucket{le="+Inf"} 3 # ${slow} 5 <time>`,
    ])
  })

  it('are on no page in the text format', async () => {
    await start({ exemplars: true })
    inSpan('job.done', { count: 1 })
    assert.doesNotMatch(await page('text/plain'), / # \{/)
    assert.match(await page(), / # \{/)
  })

  it('are of no event outside of a span, nor in a span that is not sampled', async () => {
    await start({ exemplars: true }, { otel: { sampling_rate: 0, endpoint: 'http://127.0.0.1:1/v1/traces' } })
    telemetry.emit('job.done', { count: 1 })
    inSpan('job.done', { count: 1 })
    assert.deepEqual(await lines('job_done_total'), ['job_done_total 2'])
  })

  it('come and go with the key, under the same client', async () => {
    await start({})
    inSpan('job.done', { count: 1 })
    await telemetry.config.put('prometheus.exemplars', true)
    assert.deepEqual(await lines('job_done_total'), ['job_done_total 1'])
    const later = inSpan('job.done', { count: 1 })
    assert.deepEqual(await lines('job_done_total'), [`job_done_total 2 # ${later} 1 <time>`])
    await telemetry.config.put('prometheus.exemplars', false)
    assert.deepEqual(await lines('job_done_total'), ['job_done_total 2'])
  })
})
