// Guards that the otel_logs exporter reads OpenTelemetry's variables of logs, and the general ones below them.
import assert from 'node:assert/strict'
import { createTelemetry } from '../../../src/index.ts'
import { quietLogger } from '../../support/quiet-logger.ts'

async function configured(env: Record<string, string>, ...keys: string[]): Promise<unknown[]> {
  const telemetry = createTelemetry({
    logger: quietLogger,
    drainOnExit: false,
    config: { env: { OTEL_SDK_DISABLED: 'true', ...env }, init: { otel_logs: {} } },
  })
  await telemetry.start()
  try {
    return keys.map((key) => telemetry.config.get(`otel_logs.${key}`))
  } finally {
    await telemetry.stop()
  }
}

describe('the variables of OTLP for logs', () => {
  it('add the path of logs to the general endpoint, and nothing to that of logs', async () => {
    const endpoint = async (env: Record<string, string>) => (await configured(env, 'endpoint'))[0]
    assert.equal(await endpoint({}), 'http://localhost:4318/v1/logs')
    assert.equal(
      await endpoint({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/base/' }),
      'http://c:4318/base/v1/logs',
    )
    const both = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318',
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://logs/x',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces/x',
    }
    assert.equal(await endpoint(both), 'http://logs/x')
  })

  it('are stronger for logs than in general', async () => {
    const general = { OTEL_EXPORTER_OTLP_TIMEOUT: '2500', OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' }
    assert.deepEqual(await configured(general, 'timeout', 'compression'), [2.5, 'gzip'])
    const specific = { OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '1500', OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: 'none' }
    assert.deepEqual(await configured({ ...general, ...specific }, 'timeout', 'compression'), [1.5, 'none'])
  })

  it('limit the queue, the batch and the attributes', async () => {
    const env = {
      OTEL_BLRP_MAX_QUEUE_SIZE: '1000',
      OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '100',
      OTEL_BLRP_SCHEDULE_DELAY: '250',
      OTEL_BLRP_EXPORT_TIMEOUT: '3000',
      OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT: '7',
      OTEL_ATTRIBUTE_COUNT_LIMIT: '9',
      OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '11',
    }
    const keys = [
      'queue_size',
      'batch_size',
      'flush_interval',
      'timeout',
      'max_attributes',
      'max_attribute_length',
    ]
    assert.deepEqual(await configured(env, ...keys), [1000, 100, 0.25, 3, 7, 11])
  })

  it('switch the exporter off', async () => {
    const none = { OTEL_SDK_DISABLED: 'false', OTEL_LOGS_EXPORTER: 'none' }
    assert.deepEqual(await configured(none, 'enabled'), [false])
    assert.deepEqual(await configured({}, 'enabled'), [false])
  })
})
