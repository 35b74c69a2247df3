// A load balancer that closes idle connections costs no retry that counts: what was written into a closed connection is
// sent again at once, the breaker and the retries hear nothing of it, and it counts as ambiguous where it may have arrived.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { createTelemetry, type Telemetry } from '../../src/index.ts'
import { type Backend, createBackend } from '../../src/testing/index.ts'
import { createRandom } from '../chaos/random.ts'
import { assertExact } from '../support/ledger.ts'
import { quietLogger } from '../support/quiet-logger.ts'

describe('a connection that turns out to be closed', () => {
  let backend: Backend
  let telemetry: Telemetry
  let failures: number

  beforeEach(async () => {
    backend = createBackend()
    await backend.listen()
    failures = 0
    telemetry = createTelemetry({
      logger: quietLogger,
      drainOnExit: false,
      config: {
        env: {},
        init: {
          otel: {
            endpoint: backend.url,
            flush_interval: 0,
            max_in_flight: 1,
            failure_threshold: 1,
            initial_reset_timeout: 0.05,
          },
        },
      },
    })
    telemetry.attach('failures', 'telemetry.export.failed', () => {
      failures += 1
    })
    await telemetry.start()
  })
  afterEach(async () => {
    await telemetry.stop({ timeoutMs: 500 })
    await backend.close()
  })

  let id = 0
  const emitSpan = (): void => {
    id += 1
    telemetry.emit('job.start', {}, { correlation_id: id })
    telemetry.emit('job.success', {}, { correlation_id: id })
  }
  const deliver = async (): Promise<void> => {
    emitSpan()
    assert((await telemetry.flush()).complete)
  }
  const exporter = () => telemetry.status().exporters.otel!

  it('after the request was sent costs no failure, and counts as ambiguous', async () => {
    await deliver()
    backend.fault({ type: 'reset', when: 'after', accepted: true }, { times: 1 })
    await deliver()
    const { ledger, breaker, lastError } = exporter()
    assert.deepEqual([breaker, lastError, failures], ['closed', null, 0])
    assert.deepEqual([ledger.delivered, ledger.ambiguous, ledger.dropped], [4, 2, {}])
    assert.equal(backend.spanCount, 3)
    assertExact(ledger)
  })

  it('costs nothing in a stop, which has one attempt for each batch', async () => {
    await deliver()
    backend.fault({ type: 'reset', when: 'before' }, { times: 1 })
    emitSpan()
    const { complete, exporters } = await telemetry.stop()
    assert.equal(complete, true)
    assert.deepEqual([exporters.otel!.delivered, backend.spanCount], [4, 2])
  })

  it('is no excuse for a backend that resets new connections too', async () => {
    await deliver()
    backend.fault({ type: 'reset', when: 'before' }, { times: 2 })
    await deliver()
    assert.equal(exporter().lastError?.code, 'HTTP_NO_RESPONSE')
    assert.deepEqual([exporter().ledger.ambiguous, backend.spanCount], [4, 2])
  })

  it('is met behind a load balancer without a failure or a loss, and with no more doubles than are ambiguous', async () => {
    const random = createRandom(19)
    let cut = 0
    const balancer = createServer((client) => {
      const upstream = connect(backend.port, '127.0.0.1')
      let idle: NodeJS.Timeout | undefined
      client.on('data', (chunk) => {
        clearTimeout(idle)
        upstream.write(chunk)
      })
      upstream.on('data', (chunk) => {
        client.write(chunk)
        idle = setTimeout(
          () => {
            cut += 1
            client.destroy()
          },
          random.int(0, 3),
        )
      })
      for (const socket of [client, upstream]) socket.on('error', () => {})
      client.on('close', () => upstream.destroy())
    })
    balancer.listen(0, '127.0.0.1')
    await once(balancer, 'listening')
    const { port } = balancer.address() as AddressInfo
    await telemetry.config.put('otel.endpoint', `http://127.0.0.1:${port}/v1/traces`)
    const spans = 250
    for (let span = 0; span < spans; span += 1) {
      await deliver()
      if (random.chance(0.5)) await pause(random.next() * 3)
    }
    const { ledger, breaker, lastError } = exporter()
    assertExact(ledger)
    assert.deepEqual([breaker, lastError, failures, ledger.delivered], ['closed', null, 0, 2 * spans])
    assert.equal(new Set(backend.spans.map(({ spanId }) => spanId)).size, spans)
    assert.ok(2 * (backend.spanCount - spans) <= ledger.ambiguous)
    assert.ok(cut > spans / 10, `${cut} cut`)
    balancer.close()
  })
})
