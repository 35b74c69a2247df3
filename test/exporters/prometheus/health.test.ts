/**
 * telemachine's own health on the page: what `status()` says becomes metrics with stable names, and a status that is
 * partial, odd or failing never harms the page.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { healthNames, healthOf } from '../../../src/exporters/prometheus/page/health.ts'
import { renderPlain } from '../../../src/exporters/prometheus/page/render.ts'
import { drivePrometheus } from './driven.ts'
import { type ParsedPage, parsePage } from './strict-page.ts'

const { state } = drivePrometheus()

const healthPage = (status: unknown): ParsedPage =>
  parsePage(
    healthOf(status, state)
      .flatMap((family) => [...renderPlain(family, 'text')])
      .join(''),
  )

const ledger = {
  ...{ accepted: 10, delivered: 4, ambiguous: 1, dropped: { queue_full: 2 } },
  pending: { buffered: 0, held: 1, queued: 2, in_flight: 1 },
}

describe('prometheus: health', () => {
  it('shows ledgers, queues, breakers and states of all exporters, and the configuration', () => {
    const { value } = healthPage({
      exporters: {
        otel: {
          ...{ type: 'otel', state: 'serving', breaker: 'open', ledger, config: { queue_size: 50 } },
          exports: { attempts: 3, seconds: 1.5 },
        },
        'odd "id"\n': { type: 'mock', state: 'a new state', breaker: 'closed', ledger },
      },
      bus: { emitted: 12, dropped: { stopped: 1, not_started: 0 }, handlerFailures: 2 },
      config: { version: 7, accepted: { at: 5000 }, rejected: { at: 9000, problems: [] } },
    })
    assert.equal(value('telemachine_events_accepted_total', { exporter: 'otel' }), 10)
    assert.equal(value('telemachine_events_dropped_total', { exporter: 'otel', reason: 'queue_full' }), 2)
    assert.equal(value('telemachine_events_pending', { exporter: 'otel', stage: 'queued' }), 2)
    assert.equal(value('telemachine_breaker_state', { exporter: 'otel', state: 'open' }), 1)
    assert.equal(value('telemachine_breaker_state', { exporter: 'otel', state: 'closed' }), 0)
    assert.equal(value('telemachine_exporter_state', { exporter: 'odd "id"\n', state: 'a new state' }), 1)
    const component = { otel_component_name: 'otel', otel_component_type: 'otlp_http_span_exporter' }
    assert.equal(value('otel_sdk_processor_span_queue_size', component), 2)
    assert.equal(value('otel_sdk_processor_span_queue_capacity', component), 50)
    assert.equal(value('otel_sdk_exporter_span_inflight', component), 1)
    assert.equal(value('otel_sdk_exporter_operation_duration_seconds_sum', component), 1.5)
    assert.equal(value('telemachine_config_version'), 7)
    assert.equal(value('telemachine_config_last_reload_successful'), 0)
    assert.equal(value('telemachine_config_last_reload_success_timestamp_seconds'), 5)
    assert.equal(value('telemachine_bus_dropped_total', { reason: 'stopped' }), 1)
  })

  it('shows the breaker of each of several endpoints, and which one serves', () => {
    const { value } = healthPage({
      exporters: {
        otel: {
          breaker: 'closed',
          endpoints: [
            { serves: false, breaker: 'open' },
            { serves: true, breaker: 'closed' },
          ],
        },
      },
    })
    const breaker = (endpoint: string, state: string) =>
      value('telemachine_endpoint_breaker_state', { exporter: 'otel', endpoint, state })
    assert.deepEqual([breaker('0', 'open'), breaker('0', 'closed')], [1, 0])
    assert.deepEqual([breaker('1', 'open'), breaker('1', 'closed')], [0, 1])
    assert.equal(value('telemachine_endpoint_serves', { exporter: 'otel', endpoint: '0' }), 0)
    assert.equal(value('telemachine_endpoint_serves', { exporter: 'otel', endpoint: '1' }), 1)
    assert.equal(value('telemachine_breaker_state', { exporter: 'otel', state: 'closed' }), 1)
  })

  it('calls the configuration good again once a later change is accepted', () => {
    const of = (config: unknown) => healthPage({ config }).value('telemachine_config_last_reload_successful')
    assert.equal(of({ version: 1 }), 1)
    assert.equal(of({ rejected: { at: 1 } }), 0)
    assert.equal(of({ rejected: { at: 1 }, accepted: { at: 2 } }), 1)
  })

  it('makes a valid page of any status', () => {
    const part = fc.oneof(fc.anything(), fc.constant(ledger), fc.string(), fc.double())
    const keys = [
      'type',
      'state',
      'breaker',
      'endpoints',
      'ledger',
      'config',
      'exports',
      'version',
      'accepted',
      'rejected',
      'dropped',
    ]
    const some = fc.dictionary(fc.constantFrom(...keys), part)
    const exporters = fc.dictionary(fc.string({ unit: 'binary' }), some)
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.record({ exporters, bus: some, config: some })), (status) => {
        healthPage(status)
      }),
    )
  })

  it('reserves every name it shows', () => {
    const { families } = healthPage({
      exporters: { otel: { type: 'otel', state: 'x', breaker: 'y', ledger } },
    })
    for (const name of families.keys()) assert.ok(healthNames.includes(name))
  })

  it('can be switched off while the page is served', async () => {
    const { page, put } = drivePrometheus()
    assert.ok((await page()).families.has('telemachine_metric_families'))
    put({ health: false })
    assert.equal((await page()).text, '')
  })
})
