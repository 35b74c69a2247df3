// Guards what is generated from the schemas that convict has: the reference of all keys in docs/configuration.md, and
// schema.json, by which editors complete and check a configuration file. The JSON Schema refuses no file that starts.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { parse } from 'smol-toml'
import { jsonSchema, readJsonSchema, readPage, withReference } from '../../docs/generate.ts'
import { convictNow } from '../../src/config/convict.ts'
import { createJudge } from '../../src/config/judge.ts'
import { noTables } from '../../src/config/layers.ts'
import { createRedactor } from '../../src/config/presentation/redact.ts'
import { createSchemas } from '../../src/config/schema.ts'
import { readDocument } from '../../src/config/sources/document.ts'
import { createEnvironment } from '../../src/config/sources/environment.ts'
import { builtInTypes } from '../../src/exporters/built-in.ts'

describe('the reference of all configuration keys', () => {
  it('is fresh (npx tsx docs/generate.ts)', () => {
    assert.equal(readPage(), withReference(readPage()))
  })

  it('names a variable of every ecosystem key', () => {
    for (const { schema } of builtInTypes())
      for (const { env = [] } of Object.values(schema))
        for (const { name } of env) assert.ok(readPage().includes(`\`${name}\``), name)
  })
})

describe('the JSON Schema of a configuration file', () => {
  const validate = new Ajv({ allowUnionTypes: true, strictTypes: false }).compile(
    JSON.parse(readJsonSchema()),
  )
  const accepts = (document: unknown): boolean => validate(document) as boolean

  const redactor = createRedactor()
  const schemas = createSchemas(builtInTypes(), convictNow()!, redactor)
  const judge = createJudge(schemas, createEnvironment({}), redactor)
  const starts = (init: Record<string, unknown>): boolean => {
    const { tables, problems } = readDocument(init, { source: 'init', wrapping: 'optional' })
    const layers = { file: noTables, init: tables, remote: [], runtime: noTables }
    return problems.count + judge(layers).problems.count === 0
  }

  it('is fresh (npx tsx docs/generate.ts)', () => {
    assert.equal(readJsonSchema(), jsonSchema())
  })

  it('is in the package, as telemachine/schema.json', () => {
    const path = createRequire(import.meta.url).resolve('telemachine/schema.json')
    assert.match(path, /schema\.json$/)
  })

  it('accepts a file with all that one may have', () => {
    const file = parse(`
      title = "an application"
      [database]
      url = "postgres://h"
      [telemetry]
      max_value_length = 100
      allowed_destinations = ["*.example.com"]
      [telemetry.otel]
      endpoint = "\${ENDPOINT:-http://localhost:4318/v1/traces}"
      batch_size = "\${SIZE}"
      event_patterns = "queuemizer.*"
      headers = { authorization = "Bearer \${TOKEN}" }
      compression = "gzip"
      [telemetry.otel_eu]
      type = "otel"
      sampling_rate = 0.5
      [telemetry.loki]
      anything = 1
      [telemetry.prometheus]
      buckets = [0.1, 1]
      [[telemetry.prometheus.metrics]]
      event = "job.*"
      type = "\${TYPE:-counter}"
      name = "jobs"
      [[telemetry.prometheus.metrics]]
      event = "job.start"
      type = "distribution"
      measurement = "waited_ms"
      unit = ["millisecond", "second"]
      `)
    assert.ok(accepts(file), JSON.stringify(validate.errors))
  })

  for (const [what, text] of Object.entries({
    'a misspelt key': '[telemetry.otel]\nendpiont = "http://a/"',
    'a misspelt key of a named type': '[telemetry.eu]\ntype = "otel"\nendpiont = "http://a/"',
    'a wrong type': '[telemetry.otel]\nbatch_size = "512"',
    'a number out of range': '[telemetry.otel]\nsampling_rate = 1.5',
    'a value that is not in the list': '[telemetry.otel]\ncompression = "zip"',
    'an unusable URL': '[telemetry.otel]\nendpoint = "collector:4318"',
    'a list of the wrong things': '[telemetry.prometheus]\nlabels = [1]',
    'a metric without an event': '[[telemetry.prometheus.metrics]]\ntype = "counter"',
    'a metric that is a summary': '[[telemetry.datadog.metrics]]\nevent = "a"\ntype = "summary"',
    'an unknown key of a metric':
      '[[telemetry.otel_metrics.metrics]]\nevent = "a"\ntype = "counter"\nunti = "second"',
    'an exporter that is no table': '[telemetry]\notel = 1',
  })) {
    it(`refuses ${what}`, () => {
      assert.equal(accepts(parse(text)), false)
    })
  }

  it('accepts whatever starts', () => {
    const value = fc.oneof(
      fc.integer({ min: -2, max: 200_000 }),
      fc.double({ min: -1, max: 2, noNaN: true }),
      fc.boolean(),
      fc.constantFrom('', 'a', 'http://a/', '/a', 'gzip', 'native', 'drop_oldest', '127.0.0.1', 'a:b'),
      fc.array(fc.constantFrom('a', 'b:c', '*.x'), { maxLength: 3 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 3 }),
      fc.array(
        fc.record(
          {
            event: fc.constantFrom('a', 'b.*'),
            type: fc.constantFrom('counter', 'sum', 'summary'),
            name: fc.constantFrom('x', 'y', ''),
            measurement: fc.constant('n'),
            unit: fc.constantFrom('second', 'meter', ['byte', 'kibibyte']),
          },
          { requiredKeys: ['event', 'type'] },
        ),
        { maxLength: 2 },
      ),
      fc.dictionary(fc.constantFrom('a', 'b-c', 'host'), fc.constantFrom('', 'x'), { maxKeys: 2 }),
    )
    let accepted = 0
    for (const { type, schema } of builtInTypes()) {
      const keys = [
        ...Object.keys(schema),
        'enabled',
        'queue_size',
        'queue_bytes',
        'event_patterns',
        'overflow',
      ]
      fc.assert(
        fc.property(fc.constantFrom(...keys), value, fc.constantFrom(type, 'another'), (key, one, id) => {
          const table = { type, ...(type === 'datadog' && { api_key: 'abcdefgh' }), [key]: one }
          if (!starts({ [id]: table })) return
          accepted += 1
          assert.ok(accepts({ telemetry: { [id]: table } }), JSON.stringify([table, validate.errors]))
        }),
        { numRuns: 500 },
      )
    }
    assert.ok(accepted > 50, String(accepted))
  })
})
