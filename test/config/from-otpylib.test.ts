// Guards docs/from-otpylib.md: the defaults it names are those of the schemas, and the calls it names exist.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import * as root from '../../src/index.ts'
import { createBreaker, createTelemetry, mock } from '../../src/index.ts'
import { listening } from './fake.ts'

const page = readFileSync(new URL('../../docs/from-otpylib.md', import.meta.url), 'utf8')

const row = (key: string): string => page.split('\n').find((line) => line.startsWith(`| \`${key}\``)) ?? ''

describe('the page for those who come from otpylib', () => {
  const telemetry = createTelemetry({
    types: [mock()],
    config: { env: {}, init: { otel: {}, prometheus: {}, mock: {}, datadog: { enabled: false } } },
    logger: listening(),
    drainOnExit: false,
  })
  const value = (path: string): unknown => telemetry.config.get(`telemetry.${path}`)

  it('names the defaults that are in force', () => {
    for (const [path, text] of Object.entries({
      'otel.batch_size': '512',
      'otel.flush_interval': '1 s',
      'otel.retry_attempts': '3',
      'otel.failure_threshold': '5',
      'otel.reset_timeout': '60 s',
      'otel.endpoint': 'http://localhost:4318/v1/traces',
    })) {
      const [, key = ''] = path.split('.')
      assert.ok(row(key).includes(text), row(key))
      assert.equal(text.replace(' s', ''), String(value(path)))
    }
    assert.equal(value('otel.initial_reset_timeout'), 1)
    assert.equal(value('otel.queue_size'), 100_000)
    assert.equal(value('otel.queue_bytes'), 64 * 1024 * 1024)
    assert.deepEqual(
      [value('otel.timeout'), value('otel.open_timeout'), value('otel.max_in_flight')],
      [10, 10, 4],
    )
    assert.equal(value('prometheus.host'), '127.0.0.1')
  })

  it('names keys that exist', () => {
    const [, table = ''] = page.split('## Keys and defaults\n')
    const keys = [...table.split('\n## ')[0]!.matchAll(/^\| ((?:`[a-z_]+`(?:, )?)+)/gm)]
      .flatMap(([, names]) => [...names!.matchAll(/`([a-z_]+)`/g)])
      .map(([, name]) => name!)
    assert.ok(keys.length >= 18, keys.join(', '))
    for (const key of keys)
      assert.ok(
        ['otel', 'prometheus', 'datadog'].some((id) => value(`${id}.${key}`) !== undefined),
        key,
      )
    assert.equal(value('prometheus.outcome_label'), false)
  })

  it('names what stands in the place of every part of the document', () => {
    for (const part of [
      ...['createBreaker().acquire()', 'breaker.execute(fn)', 'BREAKER_OPEN'],
      ...[
        'PATCH /config',
        'DELETE /config/<path>',
        'config.unset(path)',
        "config.get('telemetry.otel.batch_size', 512)",
      ],
      ...['outcome_label', 'telemetry.export.failed', 'DATADOG_API_KEY', '14268', 'TELEMETRY_BATCH_SIZE'],
      ...['recorder.configChanges', 'recorder.eventsMatching', 'recorder.clear()', 'recorder.events'],
    ])
      assert.ok(page.includes(part), part)
    const breaker = createBreaker()
    assert.deepEqual([typeof breaker.execute, typeof breaker.acquire], ['function', 'function'])
  })

  it('names calls that exist', () => {
    const calls = [...page.matchAll(/telemetry\.(config\.)?([a-z]+[A-Za-z]*)\(/g)]
    assert.ok(calls.length > 8)
    for (const [call, inConfig, name] of calls) {
      const owner = (inConfig ? telemetry.config : telemetry) as unknown as Record<string, unknown>
      assert.equal(typeof owner[name!], 'function', call)
    }
    for (const name of ['createTelemetry', 'createBreaker', 'mock'])
      assert.ok(name in root && page.includes(`${name}(`))
    const recorder = mock()
    for (const [, name] of page.matchAll(/recorder\.([A-Za-z]+)/g)) assert.ok(name! in recorder, name)
  })
})
