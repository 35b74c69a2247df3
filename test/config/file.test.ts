// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references in the configuration look like this.
// Guards the file: references filled in once and in the file only, errors with file, line, column and key, and a
// syntax error that repeats nothing of the content, which may be secret.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { stringify } from 'smol-toml'
import { createRedactor } from '../../src/config/presentation/redact.ts'
import { parseConfigText } from '../../src/config/sources/file.ts'
import { interpolate } from '../../src/config/sources/interpolate.ts'
import { jsonPositions } from '../../src/config/sources/positions/json.ts'
import { tomlPositions } from '../../src/config/sources/positions/toml.ts'
import type { TelemetryConfigError } from '../../src/errors.ts'
import { createStore, removeTemporary, temporaryDirectory, temporaryFile } from './fake.ts'

async function started(text: string, env: Record<string, string> = {}, name = 'telemetry.toml') {
  const { store } = createStore({ file: temporaryFile(text, name), env })
  await store.start()
  const config = store.exporters().get('otel')?.config
  await store.stop()
  return { config, store }
}

async function problemOf(text: string, env: Record<string, string> = {}, name = 'telemetry.toml') {
  const { store } = createStore({ file: temporaryFile(text, name), env })
  const error = await store.start().then(
    () => assert.fail('it was not refused'),
    (thrown: TelemetryConfigError) => thrown,
  )
  await store.stop()
  return error.problems[0]!
}

describe('the configuration file', () => {
  afterEach(removeTemporary)

  it('is read in the turn of the start, as the environment is', async () => {
    const file = temporaryFile('[telemetry.otel]\nbatch_size = 7\n')
    const env: Record<string, string> = {}
    const { store } = createStore({ file, env })
    const starting = store.start()
    writeFileSync(file, 'no TOML')
    env.TELEMETRY_OTEL_BATCH_SIZE = 'no number'
    await starting
    assert.equal(store.get('otel.batch_size'), 7)
    await store.stop()
  })

  it('is TOML, or JSON by its extension', async () => {
    const toml = await started('[telemetry.otel]\nbatch_size = 7\nheaders = { a = "b" }\n')
    assert.equal(toml.config?.batch_size, 7)
    const json = await started('{"telemetry": {"otel": {"batch_size": 7}}}', {}, 'telemetry.json')
    assert.equal(json.config?.batch_size, 7)
  })

  it('makes several exporters of one type', async () => {
    const { store } = createStore({
      file: temporaryFile('[telemetry.otel]\n[telemetry.otel_eu]\ntype = "otel"\nendpoint = "http://eu/"\n'),
    })
    assert.deepEqual([...(await store.start()).keys()], ['otel', 'otel_eu'])
    await store.stop()
  })

  it('has references filled in', async () => {
    const { config } = await started(
      '[telemetry.otel]\nendpoint = "http://${HOST}:${PORT:-4318}/$${x}"\nbatch_size = "${SIZE}"\nenabled = "${ON:-off}"\nservice_name = "a${EMPTY}b"\nevent_patterns = ["${HOST}.*"]\nheaders = "${HEADERS}"\nflush_interval = "${NONE:-0.5}"\n',
      { HOST: 'h', SIZE: '12', EMPTY: '', HEADERS: 'a=b%20c' },
    )
    assert.equal(config?.endpoint, 'http://h:4318/${x}')
    assert.equal(config?.batch_size, 12)
    assert.equal(config?.enabled, false)
    assert.equal(config?.service_name, 'ab')
    assert.deepEqual(config?.event_patterns, ['h.*'])
    assert.deepEqual(config?.headers, { a: 'b c' })
    assert.equal(config?.flush_interval, 0.5)
  })

  it('reads what a variable holds no further', () => {
    assert.deepEqual(interpolate('${A}', { A: '${B}$$' }), {
      text: '${B}$$',
      shown: '${B}$$',
      whole: true,
      secrets: [],
    })
    assert.equal((interpolate('${A:-x}', { A: '' }) as { text: string }).text, '')
    assert.equal((interpolate('$A $ 5$', {}) as { text: string }).text, '$A $ 5$')
    assert.equal((interpolate('$$$${A}', { A: '1' }) as { text: string }).text, '$${A}')
    assert.equal((interpolate('${A:-}', {}) as { text: string }).text, '')
    assert.match(JSON.stringify(interpolate('${toString}', {})), /toString, which is not set/)
  })

  for (const template of [
    '${',
    '${}',
    '${A',
    '${1A}',
    '${A-b}',
    '${A:b}',
    '${ A }',
    '${A:-${B}}',
    'x${A.b}',
  ]) {
    it(`refuses the reference ${template}`, async () => {
      assert.match(JSON.stringify(interpolate(template, { A: 'a', B: 'b' })), /malformed reference/)
      const problem = await problemOf(`[telemetry.otel]\nservice_name = "${template}"\n`, { A: 'a' })
      assert.equal(problem.code, 'CONFIG_INTERPOLATION')
    })
  }

  it('names the variable that is missing, and where it is wanted', async () => {
    const problem = await problemOf('[telemetry.otel]\n\n  service_name = "${NOT_THERE}"\n')
    assert.match(
      problem.message,
      /telemetry\.otel\.service_name .*:3:3\) needs the environment variable NOT_THERE/,
    )
    assert.deepEqual([problem.line, problem.column], [3, 3])
  })

  it('refuses text that a wholly referenced value does not fit', async () => {
    for (const size of ['12abc', '1e2', '', '0x10']) {
      const problem = await problemOf('[telemetry.otel]\nbatch_size = "${SIZE}"\n', { SIZE: size })
      assert.equal(problem.path, 'telemetry.otel.batch_size')
    }
    assert.equal((await problemOf('[telemetry.otel]\nbatch_size = "12"\n')).path, 'telemetry.otel.batch_size')
    assert.equal(
      (await problemOf('[telemetry.otel]\nbatch_size = "1${A}"\n', { A: '2' })).path,
      'telemetry.otel.batch_size',
    )
  })

  it('says file, line, column and key of what is wrong', async () => {
    const toml = await problemOf(
      '# a comment\n[telemetry.otel]\nheaders = { a = "b#" } # x\n batch_size = "many"\n',
    )
    assert.equal(toml.path, 'telemetry.otel.batch_size')
    assert.deepEqual([toml.line, toml.column], [4, 2])
    assert.match(toml.file ?? '', /telemetry\.toml$/)
    const json = await problemOf('{\n  "telemetry": {\n    "otel": { "a": 1 } } }', {}, 'x.json')
    assert.deepEqual([json.path, json.line, json.column], ['telemetry.otel.a', 3, 15])
    const syntax = await problemOf('[telemetry.otel]\napi_key = canary-secret\n')
    assert.deepEqual([syntax.line, syntax.column], [2, 11])
    assert.doesNotMatch(JSON.stringify(syntax), /canary/)
    const broken = await problemOf('{"telemetry": {\n "otel": {"api_key": canary}}}', {}, 'x.json')
    assert.deepEqual([broken.line, broken.column], [2, 22])
    assert.doesNotMatch(JSON.stringify(broken), /canary/)
    const twice = await problemOf('{"telemetry": {"otel": {}, "otel": {}}}', {}, 'x.json')
    assert.match(twice.message, /given twice/)
  })

  for (const [what, text] of Object.entries({
    'a value in place of a table': 'telemetry = 1\n',
    'an unknown key of telemetry itself': '[telemetry]\nenabled = true\n',
    'an exporter that is no table': '[telemetry]\notel = [1]\n',
    'an id with a dot': '[telemetry."a.b"]\n',
    'a reserved id': '[telemetry.__proto__]\n',
    'a reserved key': '[telemetry.otel]\n__proto__ = 1\n',
    'a date': '[telemetry.otel]\nservice_name = 2026-01-01\n',
    'an array of tables': '[[telemetry.otel]]\n',
    'an unknown type': '[telemetry.otel]\ntype = "nope"\n',
  })) {
    it(`refuses ${what}`, async () => {
      const problem = await problemOf(text)
      assert.ok(problem.message.length > 10)
      assert.equal(({} as Record<string, unknown>).batch_size, undefined)
    })
  }

  it('refuses what is no readable file', async () => {
    const directory = temporaryDirectory()
    const missing = createStore({ file: `${directory}/none.toml` })
    await assert.rejects(missing.store.start(), { code: 'CONFIG_FILE_MISSING' })
    await assert.rejects(createStore({ file: directory }).store.start(), { code: 'CONFIG_FILE_UNREADABLE' })
    writeFileSync(`${directory}/latin1.toml`, Buffer.from([0x23, 0xff]))
    await assert.rejects(createStore({ file: `${directory}/latin1.toml` }).store.start(), {
      code: 'CONFIG_FILE_UNREADABLE',
    })
    writeFileSync(`${directory}/none.toml`, '[telemetry.otel]')
    assert.equal((await missing.store.start()).size, 1, 'a start may be tried again')
    await missing.store.stop()
  })

  it('is found every key of, whatever is written around it', () => {
    const table = fc.dictionary(
      fc.oneof(
        fc.stringMatching(/^[a-z_-]{1,6}$/),
        fc.string({ maxLength: 4 }).filter((key) => key !== '__proto__'),
      ),
      fc.oneof(
        fc.string({ unit: 'grapheme-ascii' }),
        fc.integer(),
        fc.array(fc.string({ unit: 'grapheme-ascii' })),
        fc.constant({ 'a.b': '#]' }),
      ),
      { maxKeys: 4 },
    )
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), table, { maxKeys: 4 }), (document) => {
        const toml = stringify({ telemetry: document })
        const json = JSON.stringify({ telemetry: document }, undefined, 2)
        for (const [name, keys] of Object.entries(document)) {
          for (const key of Object.keys(keys)) {
            for (const [text, positions] of [
              [toml, tomlPositions(toml)],
              [json, jsonPositions(json)],
            ] as const) {
              const { line, column } = positions.locate(['telemetry', name, key])!
              const at = text.split('\n')[line - 1]!.slice(column - 1)
              assert.ok(
                at.startsWith(key) || at.startsWith('"') || at.startsWith("'"),
                `${JSON.stringify(key)} is not at ${at}`,
              )
            }
          }
        }
      }),
    )
  })

  it('is refused or understood, whatever is in it', () => {
    const pieces = fc.constantFrom(
      '[telemetry.otel]',
      '[telemetry]',
      '\n',
      'a',
      '=',
      '1',
      '"',
      '${A}',
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '\u0000',
      '__proto__',
      '"telemetry"',
      'headers',
      '\ud800',
    )
    fc.assert(
      fc.property(
        fc.string({ unit: pieces, maxLength: 20 }),
        fc.constantFrom('x.toml', 'x.json'),
        (text, name) => {
          const { tables, problems } = parseConfigText(name, text, { A: '1' }, createRedactor())
          assert.ok(
            tables.exporters instanceof Map &&
              problems.listed.every(
                ({ message }) =>
                  message.startsWith(name) || message.includes('telemetry') || message.includes(`(${name}`),
              ),
            JSON.stringify(problems.listed),
          )
          assert.deepEqual(Object.keys(Object.prototype), [])
        },
      ),
      { numRuns: 500 },
    )
  })

  it('has positions that end, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('[', ']', '{', '}', '"', "'", '=', '.', ',', '#', '\n', 'a', '\\', ' '),
        }),
        (text) => {
          tomlPositions(text).locate(['a'])
          try {
            jsonPositions(text)
          } catch (error) {
            assert.equal((error as Error).constructor.name, 'OutlineError')
            return
          }
          JSON.parse(text)
        },
      ),
    )
  })
})
