// `telemachine check` judges a file as the library does, and says where to mend what.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { shortest } from '../support/stopwatch.ts'
import { createFolder, isOneLine, run } from './harness.ts'

const valid = `[telemetry.otel]
endpoint = "http://127.0.0.1:4318/v1/traces"

[telemetry.prometheus]
port = 0
`

const broken = `title = "an application"

[telemetry.otel]
endpoint = "ftp://backup"
batch_sise = 3
headers = { authorization = "Bearer \${EU_TOKEN}" }

[telemetry.loki]
x = 1

[telemetry.otel_eu]
type = "otel"
client_key = "key.pem"
`

describe('telemachine check', () => {
  it('finds nothing wrong with a valid file', async () => {
    const cwd = createFolder({ 'app.toml': valid })
    const { code, stdout, stderr } = await run(['check', 'app.toml'], { cwd })
    assert.equal(stdout, 'app.toml: valid, 2 exporters: otel, prometheus\n')
    assert.equal(stderr, '')
    assert.equal(code, 0)
  })

  it('takes telemetry.toml of the folder if no file is named', async () => {
    const { code, stdout } = await run(['check'], { cwd: createFolder({ 'telemetry.toml': valid }) })
    assert.match(stdout, /^telemetry\.toml: valid/)
    assert.equal(code, 0)
    const none = await run(['check'], { cwd: createFolder({}) })
    assert.equal(none.code, 2)
    assert.match(none.stderr, /there is no telemetry\.toml and no telemetry\.json here/)
  })

  it('reports each problem by file, line and column, with what would be right', async () => {
    const cwd = createFolder({ 'app.toml': broken })
    const { code, stdout } = await run(['check', 'app.toml'], { cwd })
    const places = stdout.split('\n').map((line) => line.split(' ', 2).join(' '))
    assert.deepEqual(places.toSorted(), [
      '',
      'app.toml: 5',
      'app.toml:11:12: error:',
      'app.toml:4:1: error:',
      'app.toml:5:1: error:',
      'app.toml:6:1: error:',
      'app.toml:8:12: error:',
    ])
    assert.match(stdout, /:5:1: error: telemetry\.otel\.batch_sise is not a key .* did you mean batch_size\?/)
    assert.match(stdout, /:4:1: error: telemetry\.otel\.endpoint is "ftp:\/\/backup", but must be/)
    assert.match(stdout, /:6:1: error: .* needs the environment variable EU_TOKEN, which is not set/)
    assert.match(stdout, /app\.toml: 5 problems\n$/)
    // The library knows no place for what a driver says across its keys: the table stands for it.
    assert.match(stdout, /:11:12: error: telemetry\.otel_eu\.client_certificate: must be given together/)
    assert.equal(code, 1)
  })

  it('reads JSON, and variables of a file', async () => {
    const cwd = createFolder({
      'app.json': `{ "telemetry": {\n  "otel": { "batch_size": "\${SIZE}" } } }`,
      '.env': 'SIZE=twelve\n',
    })
    const bad = await run(['check', 'app.json', '--env', '.env'], { cwd })
    assert.match(
      bad.stdout,
      /^app\.json:2:13: error: telemetry\.otel\.batch_size is "twelve", but must be an integer/,
    )
    // As in Node.js, the environment is stronger than the file.
    const good = await run(['check', 'app.json', '--env', '.env'], { cwd, env: { SIZE: '12' } })
    assert.equal(good.code, 0)
  })

  it('names a variable that is wrong', async () => {
    const cwd = createFolder({ 'app.toml': valid })
    const { code, stdout } = await run(['check', 'app.toml'], {
      cwd,
      env: { TELEMETRY_OTEL_BATCH_SIZE: '1e2' },
    })
    assert.match(stdout, /^environment: error: .*environment variable TELEMETRY_OTEL_BATCH_SIZE/)
    assert.equal(code, 1)
  })

  it('warns of what is odd, also beside problems', async () => {
    const grpc = '[telemetry.otel]\nendpoint = "http://127.0.0.1:4317/v1/traces"\n'
    const cwd = createFolder({ 'odd.toml': grpc, 'both.toml': `${grpc}batch_size = 0\n` })
    const odd = await run(['check', 'odd.toml'], { cwd })
    assert.match(odd.stdout, /^odd\.toml:2:1: warning: telemetry\.otel\.endpoint is .*4317/)
    assert.equal(odd.code, 0)
    const both = await run(['check', 'both.toml'], { cwd })
    assert.match(
      both.stdout,
      /both\.toml:3:1: error: .*\nboth\.toml:2:1: warning: .*\nboth\.toml: 1 problem; 1 warning\n/,
    )
    assert.equal(both.code, 1)
  })

  it('points at a mistake of syntax', async () => {
    const cwd = createFolder({ 'app.toml': '[telemetry.otel]\nendpoint = = 1\n' })
    const { code, stdout } = await run(['check', 'app.toml'], { cwd })
    assert.match(stdout, /^app\.toml:2:\d+: error: is not valid TOML/)
    assert.equal(code, 1)
  })

  it('never shows a secret', async () => {
    const secret = 'sekret-0123456789'
    const cwd = createFolder({
      'app.toml': `[telemetry.datadog]\napi_key = "\${DD_KEY}"\nsite = "\${DD_KEY}.example"\nbatch_size = "\${DD_KEY}"\n`,
    })
    const ended = await run(['check', 'app.toml', '--json'], { cwd, env: { DD_KEY: secret } })
    assert.equal(ended.code, 1)
    assert.ok(!JSON.stringify(ended).includes(secret), ended.stdout)
  })

  it('prints one JSON document for other programs', async () => {
    const cwd = createFolder({ 'app.toml': broken })
    const { stdout, code } = await run(['check', 'app.toml', '--json'], { cwd })
    const report = JSON.parse(stdout)
    assert.equal(report.ok, false)
    assert.equal(report.problems.length, 5)
    const misspelt = report.problems.find(
      ({ path }: { path: string }) => path === 'telemetry.otel.batch_sise',
    )
    assert.deepEqual(
      [misspelt.code, misspelt.file, misspelt.line, misspelt.column],
      ['CONFIG_UNKNOWN_KEY', 'app.toml', 5, 1],
    )
    assert.equal(code, 1)
  })

  it('knows exporter types of an application', async () => {
    const cwd = createFolder({
      'app.toml': '[telemetry.loki]\nurl = "nope"\n',
      'types.mjs': `export const loki = { type: 'loki', open: () => ({}), close() {}, schema: {
        url: { format: 'http-url', default: 'http://localhost:3100', change: 'rebuild', doc: 'Where.' } } }`,
    })
    const { stdout } = await run(['check', 'app.toml', '--types', 'types.mjs'], { cwd })
    assert.match(stdout, /^app\.toml:2:1: error: telemetry\.loki\.url is "nope"/)
    const none = await run(['check', 'app.toml', '--types', 'nowhere.mjs'], { cwd })
    assert.equal(none.code, 2)
    assert.ok(isOneLine(none.stderr), none.stderr)
  })

  it('takes less than 300 ms', async () => {
    const cwd = createFolder({
      'app.toml': valid,
      'usage.cjs': `const { writeFileSync } = require('node:fs')
        process.on('exit', () => writeFileSync('usage.json', JSON.stringify(process.cpuUsage())))`,
    })
    // Of the processor: how long it takes on the clock is a matter of what else runs on this machine.
    const used = await shortest(300, async () => {
      await run(['check', 'app.toml'], { cwd, env: { NODE_OPTIONS: '--require ./usage.cjs' } })
      const { user, system } = JSON.parse(readFileSync(join(cwd, 'usage.json'), 'utf8'))
      return (user + system) / 1000
    })
    assert.ok(used < 300, `${used} ms`)
  })

  it('ends with one line for arguments that it cannot use', async () => {
    const cwd = createFolder({ 'app.toml': valid })
    for (const args of [
      ['--nope'],
      ['a.toml', 'b.toml'],
      ['none.toml'],
      ['--timeout', 'x'],
      ['--token', 'x'],
      ['--env', 'none', 'app.toml'],
    ]) {
      const { code, stdout, stderr } = await run(['check', ...args], { cwd })
      assert.equal(code, 2, args.join(' '))
      assert.equal(stdout, '')
      assert.ok(isOneLine(stderr), stderr)
    }
  })
})
