// Guards metrics declared in a configuration: what their format takes can be declared, what it refuses is placed at the
// line of the table, and TOML, JSON and a variable say the same.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Refusal } from '../../src/config/formats/format.ts'
import { metrics } from '../../src/config/formats/metrics.ts'
import type { ConfigProblem, TelemetryConfigError } from '../../src/errors.ts'
import { createTelemetry, datadog, otelMetrics, prometheus } from '../../src/index.ts'
import { type MetricTable, metricOf } from '../../src/metrics/tables.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { removeTemporary, temporaryFile } from './fake.ts'

const telemetryOf = (config: object) =>
  createTelemetry({
    types: [prometheus(), otelMetrics(), datadog()],
    config: { env: {}, ...config },
    logger: quietLogger,
    drainOnExit: false,
  })

async function problemsOf(text: string, name = 'telemetry.toml'): Promise<readonly ConfigProblem[]> {
  const telemetry = telemetryOf({ file: temporaryFile(text, name) })
  const error = await telemetry.start().then(
    () => assert.fail('it was not refused'),
    (thrown: TelemetryConfigError) => thrown,
  )
  return error.problems
}

const jobs = { event: 'job.*', type: 'counter', name: 'jobs', tags: ['queue'] }
const waits = {
  ...{ event: 'job.start', type: 'distribution', measurement: 'waited_ms' },
  ...{ unit: ['millisecond', 'second'], buckets: [0.1, 1], description: 'Waits.' },
}

describe('metrics declared in a configuration', () => {
  afterEach(removeTemporary)

  const files: Readonly<Record<string, string>> = {
    'tables.toml': `
      [telemetry.prometheus]
      port = 0
      [[telemetry.prometheus.metrics]]
      event = "job.*"
      type = "counter"
      name = "\${NAME:-jobs}"
      tags = ["queue"]
      [[telemetry.prometheus.metrics]]
      event = "job.start"
      type = "distribution"
      measurement = "waited_ms"
      unit = ["millisecond", "second"]
      buckets = [0.1, 1]
      description = "Waits."`,
    'inline.toml': `
      [telemetry.prometheus]
      port = 0
      metrics = [
        { event = "job.*", type = "counter", name = "jobs", tags = ["queue"] },
        { event = "job.start", type = "distribution", measurement = "waited_ms",
          unit = ["millisecond", "second"], buckets = [0.1, 1], description = "Waits." },
      ]`,
    'metrics.json': JSON.stringify({ telemetry: { prometheus: { port: 0, metrics: [jobs, waits] } } }),
  }
  for (const [name, text] of Object.entries(files))
    it(`are read from ${name}`, async () => {
      const telemetry = telemetryOf({ file: temporaryFile(text, name) })
      await telemetry.start()
      assert.deepEqual(telemetry.config.get('telemetry.prometheus.metrics'), [jobs, waits])
      await telemetry.stop()
    })

  it('are read from a variable, as JSON', async () => {
    const env = { TELEMETRY_PROMETHEUS_METRICS: JSON.stringify([jobs]) }
    const telemetry = telemetryOf({ env, init: { prometheus: { port: 0 } } })
    await telemetry.start()
    assert.deepEqual(telemetry.config.get('telemetry.prometheus.metrics'), [jobs])
    await telemetry.stop()
    const wrong = telemetryOf({
      env: { TELEMETRY_PROMETHEUS_METRICS: 'jobs' },
      init: { prometheus: { port: 0 } },
    })
    await assert.rejects(wrong.start(), /environment variable TELEMETRY_PROMETHEUS_METRICS\).* must be JSON/)
  })

  it('say in a file how the values of several workers become one', async () => {
    const telemetry = telemetryOf({
      file: temporaryFile(`
        [telemetry.prometheus]
        port = 0
        metrics = [
          { event = "queue", type = "last_value", measurement = "depth", across_workers = "max" },
          { event = "pool", type = "sum", measurement = "open", monotonic = false, across_workers = "worker" },
          { event = "jobs", type = "last_value", measurement = "left" },
        ]`),
    })
    await telemetry.start()
    const tables = telemetry.config.get('telemetry.prometheus.metrics') as MetricTable[]
    assert.deepEqual(
      tables.map((table) => metricOf(table).acrossWorkers),
      ['max', 'worker', 'last'],
    )
    await telemetry.stop()

    const [wrong] = await problemsOf(
      '[telemetry.prometheus]\nport = 0\n[[telemetry.prometheus.metrics]]\nevent = "queue"\ntype = "last_value"\nmeasurement = "depth"\nacross_workers = "most"',
    )
    assert.deepEqual([wrong?.line, wrong?.column], [7, 1])
    assert.match(wrong!.message, /metrics\[0\]\.across_workers .* is "most", but must be /)
  })

  it('are refused at the line of what is wrong', async () => {
    const [toml] = await problemsOf(
      ['[telemetry.prometheus]', 'port = 0']
        .concat('[[telemetry.prometheus.metrics]]', 'event = "a"', 'type = "counter"')
        .concat('[[telemetry.prometheus.metrics]]', 'event = "b"', 'type = "summary"')
        .join('\n'),
    )
    assert.equal(toml?.path, 'telemetry.prometheus.metrics')
    assert.deepEqual([toml?.line, toml?.column], [8, 1])
    assert.match(toml!.message, /metrics\[1\]\.type \(.*:8:1\) is "summary", but must be one of counter, sum/)
    assert.match(toml!.message, /summary is not offered, because .* cannot be combined; use distribution/)

    const [missing] = await problemsOf(
      '[telemetry.prometheus]\nport = 0\n[[telemetry.prometheus.metrics]]\ntype = "counter"',
    )
    assert.match(missing!.message, /metrics\[0\]\.event \(.*:3:1\) is missing, but must be a string/)

    const [inline] = await problemsOf(
      '[telemetry.datadog]\ntransport = "dogstatsd"\nmetrics = [\n{ event = "a", type = "counter" },\n{ event = "b", type = "sum", measurement = "n",\nunit = ["second", "byte"] }]',
    )
    assert.match(inline!.message, /metrics\[1\]\.unit/)
    assert.match(inline!.message, /second cannot be converted to byte/)

    const [json] = await problemsOf(
      '{"telemetry": {"otel_metrics": {"metrics": [\n{"event": "a", "type": "counter"},\n{"event": "b", "type": "counter",\n  "unti": "second"}]}}}',
      'telemetry.json',
    )
    assert.deepEqual([json?.line, json?.column], [4, 3])
    assert.match(
      json!.message,
      /metrics\[1\]\.unti .* is "second", but must be left out: a metric has event, /,
    )
  })

  for (const [what, table, message] of [
    ['a type of other libraries', { event: 'a', type: 'histogram' }, /declared as distribution/],
    ['a gauge by that name', { event: 'a', type: 'gauge' }, /declared as last_value/],
    ['a sum of nothing', { event: 'a', type: 'sum' }, /measurement.* is missing/],
    ['a counter of a measurement', { event: 'a', type: 'counter', measurement: 'n' }, /a counter has no/],
    ['buckets of a sum', { event: 'a', type: 'sum', measurement: 'n', buckets: [1] }, /a sum has no buckets/],
    [
      'buckets that fall',
      { event: 'a', type: 'distribution', measurement: 'n', buckets: [2, 1] },
      /increasing finite/,
    ],
    ['a pattern without a name', { event: 'a.*', type: 'counter' }, /name.*pattern with wildcards/],
    [
      'a rule across workers for what only grows',
      { event: 'a', type: 'sum', measurement: 'n', across_workers: 'max' },
      /across_workers.*of a sum with monotonic = false/,
    ],
    [
      'a rule across workers for a counter',
      { event: 'a', type: 'counter', across_workers: 'sum' },
      /a counter has no across_workers/,
    ],
    ['tags that are no names', { event: 'a', type: 'counter', tags: [1] }, /a list of metadata keys/],
    ['what is no table', 'a', /metrics\[0\] .* must be a table/],
  ] as const)
    it(`are refused for ${what}`, async () => {
      const telemetry = telemetryOf({ init: { prometheus: { port: 0, metrics: [table] } } })
      await assert.rejects(telemetry.start(), message)
    })

  it('are refused for names that two of them need, in the terms of each backend', async () => {
    const twice = [
      { event: 'a.b', type: 'counter' },
      { event: 'A.b', type: 'counter', name: 'a_B' },
    ]
    const same = [
      { event: 'a', type: 'counter', name: 'x' },
      { event: 'b', type: 'counter', name: 'X' },
    ]
    const refused = async (init: object): Promise<void> => {
      await assert.rejects(
        telemetryOf({ init }).start(),
        /metrics: metric \[1\] needs the name .* metric \[0\] has/,
      )
    }
    await refused({ prometheus: { port: 0, metrics: [twice[0], { ...twice[1], name: 'a_b' }] } })
    await refused({ otel_metrics: { metrics: same } })
    await refused({ datadog: { transport: 'dogstatsd', metrics: [same[0], { ...same[1], name: 'x' }] } })
  })

  it('can be declared, whenever their format takes them', () => {
    const word = fc.constantFrom('a.b', 'job.*', 'n_ms', 'x', '', 'ü', '[')
    const table = fc.record(
      {
        event: word,
        type: fc.constantFrom('counter', 'sum', 'last_value', 'distribution', 'summary'),
        name: word,
        measurement: word,
        tags: fc.array(word, { maxLength: 3 }),
        buckets: fc.array(fc.double(), { maxLength: 3 }),
        unit: fc.oneof(
          fc.constantFrom('second', 'byte', 'percent', 'meter'),
          fc.tuple(fc.constantFrom('millisecond', 'byte'), fc.constantFrom('second', 'kibibyte')),
        ),
        description: word,
        monotonic: fc.boolean(),
      },
      { requiredKeys: ['event', 'type'] },
    )
    let taken = 0
    fc.assert(
      fc.property(table, (one) => {
        try {
          metrics.validate([one], {})
        } catch (refusal) {
          assert.ok(refusal instanceof Refusal)
          assert.equal(refusal.at[0], 0)
          return
        }
        taken++
        assert.ok(metricOf(one as MetricTable).text)
      }),
      { numRuns: 3000 },
    )
    assert.ok(taken > 30, String(taken))
  })
})
