// A destination that someone far away named may not be link-local or a metadata service: the client is told, and looks
// at the address it connects to. One that the operator of the process named is nobody's business.
import assert from 'node:assert/strict'
import { createSystemClock } from '../../src/clock.ts'
import type { OpenContext } from '../../src/exporters/exporter.ts'
import { otel } from '../../src/exporters/otel/index.ts'
import { createSpanState } from '../../src/exporters/otel/ingest.ts'
import type { OtelConfig } from '../../src/exporters/otel/schema.ts'
import { createTelemetry, defineExporter } from '../../src/index.ts'
import { createBackend } from '../../src/testing/index.ts'
import { driveSpans, otelConfig } from '../exporters/otel/driven-spans.ts'
import { quietLogger } from '../support/quiet-logger.ts'

describe('the addresses of a destination', () => {
  it('are guarded as long as someone far away has named it and it is not allowed', async () => {
    const opened: OpenContext<undefined>['forbidAddress'][] = []
    const driver = defineExporter<object>({
      type: 'driver',
      schema: {
        endpoint: { format: 'http-url', default: 'http://default/', change: 'rebuild', doc: 'Where to.' },
      },
      open: (_config, { forbidAddress }) => {
        opened.push(forbidAddress)
        return {}
      },
      export: async () => ({ type: 'delivered' }),
      close: () => {},
    })
    const telemetry = createTelemetry({
      logger: quietLogger,
      drainOnExit: false,
      types: [driver],
      config: { env: {}, init: { driver: {} } },
    })
    const guardedAfter = async (change: () => Promise<unknown>): Promise<boolean> => {
      const before = opened.length
      await change()
      assert.equal(opened.length, before + 1, 'it opens another client')
      const forbid = opened.at(-1)
      assert.ok(forbid === undefined || (forbid('169.254.169.254') && !forbid('10.0.0.1')))
      return forbid !== undefined
    }
    const named = { 'driver.endpoint': 'http://named/' }
    const allow = (globs: string[]) => telemetry.config.put('allowed_destinations', globs)
    try {
      assert.equal(await guardedAfter(() => telemetry.start()), false)
      assert.equal(await guardedAfter(() => telemetry.config.putFrom('admin', named)), true)
      assert.equal(await guardedAfter(() => telemetry.restart('driver')), true)
      assert.equal(await guardedAfter(() => allow(['named'])), false)
      assert.equal(await guardedAfter(() => allow([])), true)
      assert.equal(
        await guardedAfter(() => telemetry.config.put({ 'driver.endpoint': 'http://mine/' })),
        false,
      )
    } finally {
      await telemetry.stop()
    }
  })

  for (const client of ['native', 'package'])
    it(`are looked at by the ${client} client of otel, also behind a name`, async () => {
      const backend = createBackend()
      await backend.listen()
      const definition = otel()
      const base = { id: 'otel', clock: createSystemClock(), logger: quietLogger, state: createSpanState() }
      const context: OpenContext<unknown, OtelConfig> = {
        ...base,
        signal: AbortSignal.timeout(5_000),
        current: () => config,
        catchUp: () => {},
        status: () => {},
        forbidAddress: (ip) => ip === '127.0.0.1' || ip === '::1',
      }
      const config = otelConfig({
        client,
        timeout: 1,
        endpoint: `http://localhost:${backend.port}/v1/traces`,
      })
      const source = driveSpans()
      source.emit('a.start', { correlation_id: 1 })
      source.emit('a.success', { correlation_id: 1 })
      try {
        await assert.rejects(async () => definition.open({ ...config, endpoint: backend.url }, context), {
          code: 'HTTP_ADDRESS_FORBIDDEN',
        })
        const opened = await definition.open(config, context)
        const outcome = await definition.export!(opened, source.items, {
          ...base,
          config,
          signal: AbortSignal.timeout(3_000),
          deadline: base.clock.now() + 3_000,
        })
        assert.notEqual(outcome.type, 'delivered')
        await definition.close(opened, { deadline: base.clock.now() })
        assert.equal(backend.connectionsTotal, 0)
      } finally {
        await backend.close()
      }
    })
})
