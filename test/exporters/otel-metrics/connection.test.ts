// The connection of otel_metrics is that of otel: through a proxy, and with headers that a file brings and renews.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Backend, createBackend, metricTotals } from '../../../src/testing/index.ts'
import { startProxy } from '../../support/proxy.ts'
import { startMetrics } from './simulated.ts'

describe('the connection of otel_metrics', () => {
  const closing: (() => unknown)[] = []
  let backend: Backend

  beforeEach(async () => {
    backend = createBackend()
    await backend.listen()
    closing.push(() => backend.close())
  })
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  const start = async (init: Readonly<Record<string, unknown>>) => {
    const running = await startMetrics(init)
    closing.push(() => running.telemetry.stop({ timeoutMs: 500 }))
    return running
  }

  const total = (): number => {
    const totals = metricTotals(backend.points, 'job.success')
    return [...totals.values()].reduce((all, { sum }) => all + sum, 0)
  }

  it('goes through the proxy that its key names, and shows it without credentials', async () => {
    const proxy = await startProxy({ credentials: 'me:secret', hosts: { 'collector.test': backend.port } })
    closing.push(() => proxy.close())
    const { telemetry, flush, status } = await start({
      endpoint: `http://collector.test:${backend.port}/v1/metrics`,
      proxy: `http://me:secret@127.0.0.1:${proxy.port}`,
    })
    telemetry.emit('job.success', { count: 3 })
    await flush()
    assert.equal(total(), 3)
    assert.ok(proxy.asked.length > 0)
    assert.deepEqual((status().client as { proxy?: string }).proxy, `http://127.0.0.1:${proxy.port}`)
  })

  it('reads headers_file again after a 401, and sends the points once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'otel-metrics-'))
    closing.push(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'headers')
    let refused = 0
    backend.fault({
      type: 'choose',
      choose: ({ headers }) => {
        if (headers.authorization === 'Bearer new') return undefined
        refused++
        writeFileSync(path, 'authorization = Bearer new')
        return { type: 'status', status: 401 }
      },
    })
    writeFileSync(path, 'authorization = Bearer old')
    const { telemetry, flush, ledger } = await start({ endpoint: backend.metricsUrl, headers_file: path })
    telemetry.emit('job.success', { count: 5 })
    await flush()
    assert.equal(refused, 1)
    assert.equal(total(), 5)
    assert.equal(ledger().delivered, 1)
  })
})
