// Guards that convict is the judge: each value is judged by it, once, with formats of ours that it shares with nobody;
// texts of the environment are coerced by it, and what is published comes from its schema.
import assert from 'node:assert/strict'
import convict from 'convict'
import { convictName, convictNow, untyped } from '../../src/config/convict.ts'
import type { Format } from '../../src/config/formats/format.ts'
import { formats } from '../../src/config/formats/formats.ts'
import { ownerOf, published } from '../../src/config/published.ts'
import { createTypeSchema } from '../../src/config/schema.ts'
import { allFormats, createStore } from './fake.ts'

/** Counts how often convict asks a format of ours about a value while something happens. */
async function judgements(name: string, act: () => Promise<unknown>): Promise<number> {
  const format = formats.get(name) as { validate: Format['validate'] }
  const { validate } = format
  let count = 0
  format.validate = (value, key) => {
    count += 1
    validate(value, key)
  }
  try {
    await act().catch(() => {})
    return count
  } finally {
    format.validate = validate
  }
}

describe('convict', () => {
  before(() => assert.ok(convictNow()))

  const judged = (format: string, value: unknown, rest: object = {}) => {
    const config = convict<Record<string, unknown>>(
      { key: { format: convictName(format), default: null, refused: () => {}, ...rest } } as never,
      { env: {}, args: [] },
    )
    config.set('key', value)
    config.validate({ allowed: 'strict' })
    return untyped(config.get('key'))
  }

  it('knows every format of ours, coerces texts by it and validates the result', () => {
    for (const name of formats.keys())
      assert.doesNotThrow(() => convict({ key: { format: convictName(name) as never, default: null } }), name)
    assert.equal(judged('integer', ' 12\n'), 12)
    assert.throws(() => judged('integer', '12abc'), /must be an integer/)
    assert.throws(() => judged('integer', '12', { max: 7 }), /must be an integer of at most 7/)
    assert.equal(judged('boolean', 'Yes'), true)
    assert.deepEqual(judged('headers', 'a=b%2Cc'), { a: 'b,c' })
    assert.throws(() => judged('http-url', 'ftp://h/'), /must be an http or https URL/)
  })

  it('keeps its own formats for an application that uses it, too', () => {
    const own = convict({ port: { format: 'port', default: 1 }, size: { format: 'nat', default: 1 } })
    own.set('port', '8080' as never)
    own.set('size', '12abc' as never)
    own.validate({ allowed: 'strict' })
    assert.deepEqual([own.get('port'), own.get('size')], [8080, 12])
  })

  it('is asked once about each value on its way', async () => {
    const { store } = createStore({ init: { all: {}, otel: {} } })
    await store.start()
    assert.equal(await judgements('integer', () => store.put('all.an_integer', 7)), 1)
    assert.equal(await judgements('integer', () => store.put('all.an_integer', -7)), 1, 'a refused one')
    assert.equal(await judgements('integer', () => store.put('all.a_boolean', true)), 0, 'another key')
    const several = () =>
      Promise.all([1, 2, 3].map((value) => store.put({ 'all.an_integer': value, 'otel.batch_size': value })))
    assert.equal(await judgements('integer', several), 6)
    assert.equal(await judgements('integer', () => store.unset('all.an_integer')), 0)
    await store.stop()
  })

  it('is asked once about each value of the start', async () => {
    const starting = async () => {
      const { store } = createStore({
        env: { TELEMETRY_ALL_AN_INTEGER: '3', TELEMETRY_OTEL_BATCH_SIZE: '4' },
        init: { all: { an_integer: 5 }, otel: {} },
      })
      await store.start()
      await store.stop()
    }
    const nothing = async () => {
      const { store } = createStore({ init: { all: {}, otel: {} } })
      await store.start()
      await store.stop()
    }
    assert.equal((await judgements('integer', starting)) - (await judgements('integer', nothing)), 3)
  })

  it('is not asked again about changes that were merged with a refused one', async () => {
    const { store } = createStore({
      init: { all: {}, page: {} },
      apply: async ({ exporters }) => {
        if (exporters.some(({ after }) => after?.config.port === 666)) throw new Error('taken')
      },
    })
    await store.start()
    const puts = () =>
      Promise.allSettled([
        store.put('all.an_integer', 7),
        store.put('page.port', 666),
        store.put('all.an_integer', 8),
      ])
    assert.equal(await judgements('integer', puts), 2, 'what is judged anew keeps its verdict')
    assert.equal(store.get('all.an_integer'), 8)
    await store.stop()
  })

  it('publishes the schema that documents and editors show', () => {
    const { keys: declared } = createTypeSchema(allFormats, convictNow()!)
    const keys = published(declared, ownerOf('all'), convictNow()!)
    const { doc, format, default: fallback, min, max, env } = keys.get('an_integer')!
    assert.deepEqual([doc, format, fallback, min, max], ['A key of format integer.', 'integer', 1, 0, 1000])
    assert.equal(env, 'TELEMETRY_ALL_AN_INTEGER')
    assert.deepEqual(keys.get('a_choice')?.choices?.slice(0, 2), ['one', 'two'])
    assert.deepEqual(keys.get('batch_size')?.variables, ['TELEMETRY_BATCH_SIZE'])
    assert.deepEqual(keys.get('some_headers')?.default, {})
    assert.equal(keys.get('some_headers')?.sensitive, true)
  })

  it('refuses a default that its own format does not take', () => {
    const wrong = { ...allFormats, schema: { a_port: { ...allFormats.schema.a_port!, default: 'x' } } }
    assert.throws(() => createTypeSchema(wrong, convictNow()!), {
      code: 'EXPORTER_DEFINITION_INVALID',
      message: /the default of a_port must be a port, an integer from 0 to 65535/,
    })
  })
})
