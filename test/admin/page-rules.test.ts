// The page judges values while they are typed, and ranks exporters, by rules that the server and the terminal have too.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { severity } from '../../src/cli/online/rates.ts'
import { Refusal } from '../../src/config/formats/format.ts'
import { formats } from '../../src/config/formats/formats.ts'
import { valueSchema } from '../../src/config/value-schemas.ts'
import { createTelemetry, datadog, otel, otelLogs, otelMetrics, prometheus } from '../../src/index.ts'

interface Rules {
  judge(explanation: unknown, value: unknown): string
  severity: typeof severity
}

const rules = async (file: string): Promise<Rules> =>
  (await import(new URL(`../../visualizations/page/${file}`, import.meta.url).href)) as Rules

const texts = fc.oneof(
  fc.string(),
  fc.webUrl(),
  fc.constantFrom(
    '',
    '/',
    '/metrics',
    'localhost',
    'http://[::1]:4318/',
    'HTTPS://a',
    '*.example.com',
    'a.*',
  ),
)
const values = fc.oneof(
  texts,
  fc.integer({ min: -2, max: 100_000 }),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.array(texts, { maxLength: 4 }),
  fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 4 }),
  fc.dictionary(texts, texts, { maxKeys: 3 }),
)
const limits = fc.record({
  min: fc.constantFrom(undefined, 0, 1),
  max: fc.constantFrom(undefined, 10, 65_535),
})

const serverTakes = (format: string, value: unknown, key: { min?: number; max?: number }): boolean => {
  try {
    formats.get(format)!.validate(value, key)
    return true
  } catch (error) {
    if (error instanceof Refusal) return false
    throw error
  }
}

describe('rules of the live page', () => {
  it('refuse nothing that the server takes', async () => {
    const { judge } = await rules('judge.js')
    let taken = 0
    fc.assert(
      fc.property(fc.constantFrom(...formats.keys()), values, limits, (format, value, { min, max }) => {
        const key = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) }
        if (!serverTakes(format, value, key)) return
        taken += 1
        const explanation = { format, schema: valueSchema({ format, ...key }), nullable: false }
        assert.equal(judge(explanation, value), '')
      }),
      { numRuns: 20_000 },
    )
    assert.ok(taken > 1000, `${taken} values were valid`)
  })

  it('refuse nothing that is in force by default', async () => {
    const { judge } = await rules('judge.js')
    const telemetry = createTelemetry({
      types: [otel(), otelLogs(), otelMetrics(), prometheus(), datadog()],
      config: {
        env: {},
        init: {
          ...{ otel: {}, otel_logs: {}, otel_metrics: {}, prometheus: { port: 0 } },
          datadog: { transport: 'dogstatsd' },
        },
      },
      drainOnExit: false,
    })
    const explanations = telemetry.config.explain()
    for (const id of ['otel', 'otel_logs', 'otel_metrics', 'prometheus', 'datadog'])
      assert.ok(
        explanations.some(({ path }) => path.startsWith(`telemetry.${id}.`)),
        id,
      )
    for (const one of explanations) assert.equal(judge(one, one.value), '', one.path)
  })

  it('refuse numbers, texts and lists as the server does, in the same words', async () => {
    const { judge } = await rules('judge.js')
    const bad: [string, unknown][] = [
      ['integer', 0],
      ['integer', 1.5],
      ['number', 'often'],
      ['port', 70_000],
      ['seconds', -1],
      ['http-url', 'ftp://backup'],
      ['path', 'metrics'],
      ['buckets', [2, 1]],
    ]
    for (const [format, value] of bad) {
      const key = format === 'integer' ? { min: 1, max: 100 } : {}
      const said = judge({ format, schema: valueSchema({ format, ...key }), nullable: false }, value)
      try {
        formats.get(format)!.validate(value, key)
        assert.fail(`${format} takes ${JSON.stringify(value)}`)
      } catch (error) {
        assert.ok(error instanceof Refusal)
        assert.ok(said.startsWith(error.message), `${said} for ${error.message}`)
      }
    }
  })

  it('show declared metrics as JSON, read them back, and judge them', async () => {
    const { judge } = await rules('judge.js')
    const { kindOf, textOf, readField } = (await import(
      new URL('../../visualizations/page/values.js', import.meta.url).href
    )) as Record<string, (...given: unknown[]) => unknown>
    const value = [{ event: 'job.*', type: 'counter', name: 'jobs', tags: ['queue'] }]
    const key = { format: 'metrics', schema: valueSchema({ format: 'metrics' }), nullable: false }
    const kind = kindOf!({ ...key, value })
    assert.equal(kind, 'tables')
    const text = textOf!({ ...key, value }, kind)
    assert.deepEqual(readField!(key, kind, text), value)
    assert.equal(textOf!({ ...key, value: [] }, kind), '')
    assert.deepEqual(readField!(key, kind, ' '), [])
    assert.equal(judge(key, value), '')
    assert.match(judge(key, readField!(key, kind, 'jobs')), /^must be a JSON list of objects/)
    assert.match(judge(key, [{ type: 'counter' }]), /^must be a JSON list of objects/)
    assert.match(judge(key, [{ ...value[0], unti: 1 }]), /^must be a JSON list of objects/)
  })

  it('rank exporters as the terminal does', async () => {
    const page = await rules('severity.js')
    for (const state of ['serving', 'disabled', 'failed', 'retrying', 'restarting', 'opening', 'stopped'])
      for (const breaker of ['closed', 'open', 'forced_open', 'half_open', 'disabled'])
        for (const lossRate of [0, 2])
          for (const queueShare of [undefined, 0.2, 0.7])
            for (const other of [undefined, 'closed', 'open', 'half_open', 'disabled']) {
              const endpoints = other && [{ breaker }, { breaker: other }]
              const status = { state, breaker, endpoints }
              const view = { status, lossRate, queueShare } as unknown as Parameters<typeof severity>[0]
              assert.equal(page.severity(view), severity(view), JSON.stringify(view))
            }
  })
})
