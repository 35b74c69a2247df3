// One operation, one histogram: with outcome_label the durations of its good and its bad ends differ in a label.
import assert from 'node:assert/strict'
import { createTelemetry } from '../../../src/index.ts'
import { startOpened } from '../../support/opened.ts'
import { quietLogger } from '../../support/quiet-logger.ts'
import { drivePrometheus } from './driven.ts'

const took = (ms: number) => ({ duration_ms: ms })

describe('prometheus: the outcome of an operation', () => {
  it('is in the name of two histograms, if nothing else is asked for', async () => {
    const { emit, page } = drivePrometheus()
    emit('job.success', took(1000), { queue: 'mail' })
    emit('job.error', took(2000), { queue: 'mail' })
    const { value } = await page()
    assert.equal(value('job_success_duration_seconds_sum', { queue: 'mail' }), 1)
    assert.equal(value('job_error_duration_seconds_sum', { queue: 'mail' }), 2)
  })

  it('is a label of one histogram with outcome_label, whatever the suffix is called', async () => {
    const { emit, page } = drivePrometheus({}, { outcome_label: true })
    emit('job.success', took(1000), { queue: 'mail' })
    emit('job.stop', took(2000), { queue: 'mail' })
    emit('job.error', took(4000), { queue: 'mail' })
    emit('job.exception', took(8000), { queue: 'mail' })
    const { value, text } = await page()
    assert.equal(value('job_duration_seconds_sum', { queue: 'mail', outcome: 'success' }), 3)
    assert.equal(value('job_duration_seconds_sum', { queue: 'mail', outcome: 'error' }), 12)
    assert.doesNotMatch(text, /job_(success|stop|error|exception)_duration/)
  })

  it('leaves other events and the counters alone', async () => {
    const { emit, page } = drivePrometheus({}, { outcome_label: true })
    emit('job.success', { ...took(1000), count: 1 })
    emit('job.done', took(1000))
    emit('.success', took(1000))
    emit('success', took(1000))
    const { value } = await page()
    assert.equal(value('job_duration_seconds_count', { outcome: 'success' }), 1)
    assert.equal(value('job_success_total'), 1)
    for (const name of ['job_done', '_success', 'success'])
      assert.equal(value(`${name}_duration_seconds_count`), 1)
  })

  it('moves a label of its name aside', async () => {
    const { emit, page } = drivePrometheus({}, { outcome_label: true })
    emit('job.success', took(1000), { outcome: 'mine', z: '1' })
    emit('job.error', took(2000), { outcome: 'mine', exported_outcome: 'theirs' })
    const { value } = await page()
    const name = 'job_duration_seconds_sum'
    assert.equal(value(name, { outcome: 'success', exported_outcome: 'mine', z: '1' }), 1)
    assert.equal(value(name, { outcome: 'error', exported_outcome: 'theirs' }), 2)
  })

  it('may be asked for, and no longer, under way: what was counted stays', async () => {
    const { emit, page, put } = drivePrometheus()
    emit('job.success', took(1000))
    put({ outcome_label: true })
    emit('job.success', took(2000))
    emit('job.error', took(4000))
    put({ outcome_label: false })
    emit('job.success', took(8000))
    const { value } = await page()
    assert.equal(value('job_success_duration_seconds_sum'), 9)
    assert.equal(value('job_duration_seconds_sum', { outcome: 'success' }), 2)
    assert.equal(value('job_duration_seconds_sum', { outcome: 'error' }), 4)
  })

  it('is that of a span, with the labels that the span was given while it ran', async () => {
    const telemetry = createTelemetry({
      logger: quietLogger,
      drainOnExit: false,
      config: { env: {}, init: { prometheus: { port: 0, outcome_label: true } } },
    })
    await startOpened(telemetry)
    telemetry.span('http', { method: 'GET' }, (http) => http.set({ status: 200 }))
    telemetry.span('http', { method: 'GET' }, (http) => {
      http.set({ status: 500 })
      http.fail(new Error('no'))
    })
    const { url } = telemetry.status().exporters.prometheus!.client as { url: string }
    const text = await (await fetch(url)).text()
    await telemetry.stop()
    for (const labels of [
      'method="GET",outcome="success",status="200"',
      'method="GET",outcome="error",status="500"',
    ])
      assert.match(text, new RegExp(`^http_duration_seconds_count\\{${labels}\\} 1$`, 'm'))
  })
})
