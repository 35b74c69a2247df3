// Guards the names in `status()`: camelCase, as everywhere in TypeScript. Only what is named elsewhere keeps its name:
// keys of the configuration, ids, and the ledger's codes: why events were dropped, and where they wait.
import assert from 'node:assert/strict'
import { createTelemetry } from '../src/index.ts'
import { createBackend } from '../src/testing/index.ts'
import { quietLogger } from './support/quiet-logger.ts'

const codesOrIds = new Set(['exporters', 'dropped', 'pending', 'sanitized'])

/** The names of all properties, without those of configurations, codes and ids. */
function namesIn(value: unknown, within = ''): string[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap((one) => namesIn(one))
  return Object.entries(value).flatMap(([name, inner]) => [
    ...(codesOrIds.has(within) ? [] : [name]),
    // The configuration of an exporter; that of the status itself tells of changes and sources.
    ...(name === 'config' && !('sources' in (inner as object)) ? [] : namesIn(inner, name)),
  ])
}

describe('the status', () => {
  it('names everything in camelCase but keys of the configuration, ids and codes', async () => {
    const backend = createBackend()
    await backend.listen()
    const telemetry = createTelemetry({
      logger: quietLogger,
      drainOnExit: false,
      config: {
        env: {},
        init: {
          otel: { endpoint: backend.url },
          otel_logs: { endpoint: backend.logsUrl },
          otel_metrics: { endpoint: backend.metricsUrl },
          datadog: { api_url: new URL('/', backend.url).href, api_key: 'abcdefgh' },
          prometheus: { port: 0 },
          mock: { event_patterns: ['*'] },
        },
      },
    })
    await telemetry.start()
    try {
      telemetry.emit('job.success', { count: Number.NaN }, { correlation_id: 1 })
      await telemetry.config.put('mock.batch_size', 7)
      await telemetry.config.put('mock.batch_size', 0).catch(() => {})
      await telemetry.flush({ timeoutMs: 100 })
      const names = namesIn(telemetry.status({ history: true }))
      for (const name of ['openSpans', 'subscriberErrors', 'lastError', 'handlerFailures'])
        assert.ok(names.includes(name), name)
      assert.deepEqual(
        names.filter((name) => !/^[a-z][A-Za-z]*$/.test(name)),
        [],
      )
    } finally {
      await telemetry.stop()
      await backend.close()
    }
  })
})
