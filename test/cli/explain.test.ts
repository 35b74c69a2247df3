// `telemachine explain` says what a key means, and which layer a value of a file comes from. `telemachine graph` draws a
// file. `telemachine` itself says what there is.
import assert from 'node:assert/strict'
import { version } from '../../src/version.ts'
import { createFolder, isOneLine, run } from './harness.ts'

const file = `[telemetry.otel]
endpoint = "http://127.0.0.1:4318/v1/traces"
batch_size = 64
event_patterns = ["job.*", "http.*"]
headers = { authorization = "Bearer \${SECRET_TOKEN:-sekret-0123456789}" }

[telemetry.otel_eu]
type = "otel"
enabled = false
endpoint = "https://eu.example.com/v1/traces?key=sekret-0123456789"

[telemetry.prometheus]
`
const secret = 'sekret-0123456789'

describe('telemachine explain', () => {
  const cwd = createFolder({ 'app.toml': file, 'bad.toml': '[telemetry.otel]\nbatch_size = 0\n' })
  const env = { TELEMETRY_OTEL_BATCH_SIZE: '16' }

  it('says what a key means, its values, its default, its variables and how a change acts', async () => {
    const { code, stdout } = await run(['explain', 'otel.endpoint'])
    assert.match(stdout, /^telemetry\.otel\.endpoint {2}\(exporter type otel\)\n/)
    assert.match(stdout, /URL that spans are posted to/)
    assert.match(stdout, /default +"http:\/\/localhost:4318\/v1\/traces"/)
    assert.match(stdout, /change +rebuild: a new client/)
    assert.match(
      stdout,
      /environment +TELEMETRY_OTEL_ENDPOINT, TELEMETRY_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT/,
    )
    assert.equal(code, 0)
  })

  it('explains a key of several types once for each meaning', async () => {
    const { stdout } = await run(['explain', 'flush_interval', '--json'])
    const found = JSON.parse(stdout) as { types: string[]; key: { default: number; change: string } }[]
    assert.deepEqual(
      found.map(({ types, key }) => [types, key.default, key.change]),
      [
        [['otel', 'jetstream'], 1, 'hot'],
        [['otel_logs', 'jetstream_logs'], 1, 'hot'],
        [['otel_metrics', 'jetstream_metrics'], 0.1, 'hot'],
        [['datadog'], 10, 'hot'],
        [['mock'], 0.01, 'hot'],
      ],
    )
  })

  it('explains the keys of telemachine itself', async () => {
    const { stdout } = await run(['explain', 'telemetry.max_value_length'])
    assert.match(
      stdout,
      /^telemetry\.max_value_length {2}\(telemachine itself\)[\s\S]*TELEMETRY_MAX_VALUE_LENGTH\n/,
    )
  })

  it('suggests the key that was meant, and says what an id is', async () => {
    const misspelt = await run(['explain', 'otel.batch_sise'])
    assert.match(misspelt.stderr, /there is no key otel\.batch_sise: did you mean batch_size\?/)
    assert.equal(misspelt.code, 1)
    const id = await run(['explain', 'otel_eu.batch_size'])
    assert.match(id.stderr, /otel_eu is no exporter type: .*telemachine explain <file> otel_eu\.batch_size/)
    assert.ok(isOneLine(id.stderr))
  })

  it('lists all keys', async () => {
    const { stdout } = await run(['explain'])
    for (const name of ['max_exporters', 'event_patterns', 'sampling_rate', 'default_metrics', 'api_key'])
      assert.ok(stdout.includes(name), name)
  })

  it('shows the layer of each value that a file and the environment give', async () => {
    const { code, stdout } = await run(['explain', 'app.toml'], {
      cwd,
      env: { ...env, TELEMETRY_OTEL_TIMEOUT: '3' },
    })
    assert.match(stdout, /^KEY +VALUE +LAYER +FROM\n/)
    assert.match(stdout, /telemetry\.otel\.batch_size +64 +file +app\.toml:3:1\n/)
    assert.match(
      stdout,
      /telemetry\.otel\.timeout +3 +environment +environment variable TELEMETRY_OTEL_TIMEOUT\n/,
    )
    assert.match(stdout, /and \d+ keys by default \(--all\)\n$/)
    assert.ok(!stdout.includes(secret))
    assert.equal(code, 0)
  })

  it('shows what a value hides', async () => {
    const { stdout } = await run(['explain', 'app.toml', 'otel.batch_size'], { cwd, env })
    assert.match(stdout, /^telemetry\.otel\.batch_size = 64 items\n/)
    assert.match(stdout, /from +file \(app\.toml:3:1\)/)
    assert.match(stdout, /hides +16, environment \(environment variable TELEMETRY_OTEL_BATCH_SIZE\)/)
    assert.match(stdout, /hides +512, default/)
  })

  it('points to check for a file that is invalid', async () => {
    const { code, stderr } = await run(['explain', 'bad.toml'], { cwd })
    assert.match(
      stderr,
      /batch_size .* is 0, but must be .*; telemachine check bad\.toml lists what is wrong/,
    )
    assert.ok(isOneLine(stderr))
    assert.equal(code, 1)
    assert.equal((await run(['explain', 'none.toml'], { cwd })).code, 2)
    assert.equal((await run(['explain', 'app.toml', 'otel.nothing'], { cwd })).code, 1)
  })
})

describe('telemachine graph', () => {
  const cwd = createFolder({ 'app.toml': file, 'bad.toml': '[telemetry.otel]\nbatch_size = 0\n' })

  it('draws patterns, exporters and destinations', async () => {
    const { code, stdout } = await run(['graph', 'app.toml'], { cwd })
    assert.equal(
      stdout.replaceAll('#42;', '*').replaceAll('#47;', '/'),
      `flowchart LR
  events(["emit"])
  exporter1["otel"]
  pattern1{{"job.*"}}
  events --> pattern1
  pattern1 --> exporter1
  pattern2{{"http.*"}}
  events --> pattern2
  pattern2 --> exporter1
  destination1[("http://127.0.0.1:4318/v1/traces")]
  exporter1 --> destination1
  exporter2["otel_eu (otel), disabled"]
  pattern3{{"*"}}
  events --> pattern3
  pattern3 -.-> exporter2
  destination2[("https://eu.example.com/v1/traces")]
  exporter2 -.-> destination2
  exporter3["prometheus"]
  pattern3 --> exporter3
  destination3[("http://127.0.0.1:9464/metrics")]
  destination3 -- "scraped" --- exporter3
  classDef disabled stroke-dasharray: 4 4,opacity: 0.6
  class exporter2 disabled
`,
    )
    assert.equal(code, 0)
  })

  it('draws each of several endpoints', async () => {
    const several = createFolder({
      'app.toml': `[telemetry.otel]
endpoints = ["https://a.example.com/v1/traces", "https://b.example.com/v1/traces"]
`,
    })
    const { code, stdout } = await run(['graph', 'app.toml'], { cwd: several })
    const shown = stdout.replaceAll('#47;', '/').split('\n')
    for (const line of [
      '  destination1[("https://a.example.com/v1/traces")]',
      '  exporter1 --> destination1',
      '  destination2[("https://b.example.com/v1/traces")]',
      '  exporter1 -->|"fallback 1"| destination2',
    ])
      assert.ok(shown.includes(line), stdout)
    assert.ok(!stdout.includes('destination3'))
    assert.equal(code, 0)
  })

  it('draws nothing of an invalid file', async () => {
    const { code, stdout, stderr } = await run(['graph', 'bad.toml'], { cwd })
    assert.equal(stdout, '')
    assert.ok(isOneLine(stderr))
    assert.equal(code, 1)
  })
})

describe('telemachine', () => {
  it('says what commands there are, and of each what it takes', async () => {
    const { code, stdout } = await run(['--help'])
    const names = [...stdout.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name!)
    assert.deepEqual(names, ['check', 'explain', 'graph', 'top', 'tap', 'config', 'fleet', 'gateway'])
    assert.equal(code, 0)
    const helps = await Promise.all(names.map((name) => run([name, '--help'])))
    for (const [index, help] of helps.entries()) {
      assert.match(help.stdout, new RegExp(`^Usage: telemachine ${names[index]}`))
      assert.match(help.stdout, /Exit codes: 0/)
      assert.ok(help.stdout.split('\n').every((line) => line.length <= 120))
      assert.equal(help.code, 0)
    }
  })

  it('says its version', async () => assert.equal((await run(['--version'])).stdout, `${version}\n`))

  it('knows no other commands', async () => {
    const { code, stderr } = await run(['chekc'])
    assert.match(stderr, /there is no command chekc; the commands are check, explain/)
    assert.equal(code, 2)
    assert.equal((await run([])).code, 2)
  })
})
