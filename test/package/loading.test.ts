// Guards how Node.js loads the package: with `import` and with `require`, as one copy, and heavy packages only when an
// exporter needs them.
import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import { createApplication, entryPoints, manifest, runNode } from './packed.ts'
import { assertWholeService } from './service.ts'

describe('the installed package', () => {
  let application: string
  before(() => {
    application = createApplication()
  })

  it('has the same names in each entry point, imported and required', async () => {
    const script = `
      import assert from 'node:assert/strict'
      import { createRequire } from 'node:module'
      const require = createRequire(process.cwd() + '/')
      for (const name of ${JSON.stringify(entryPoints)}) {
        const [imported, required] = [await import(name), require(name)]
        assert.ok(Object.keys(required).length > 0, name)
        assert.deepEqual({ ...imported }, { ...required }, name)
        for (const key of Object.keys(required)) assert.equal(imported[key], required[key], name + ' ' + key)
      }`
    const ended = await runNode(application, '--input-type=module', '-e', script)
    assert.deepEqual(ended, { code: 0, stdout: '', stderr: '' })
  })

  it('runs a whole service as an ES module', async () =>
    assertWholeService(await runNode(application, 'service.mjs')))

  it('runs a whole service as CommonJS', async () => {
    const source = readFileSync(join(application, 'service.mjs'), 'utf8')
    const { code } = transformSync(source, { format: 'cjs', platform: 'node' })
    writeFileSync(join(application, 'service.cjs'), code)
    assertWholeService(await runNode(application, 'service.cjs'))
  })

  it('is one copy in a process that both imports and requires it', async () => {
    const ended = await runNode(application, 'both.cjs')
    assert.deepEqual(ended, { code: 0, stdout: 'one copy\n', stderr: '' })
  })

  it('watches in the Stately inspector once that is installed, and says so before', async () => {
    assert.equal((await runNode(application, 'inspect.mjs')).stdout, 'INSPECT_UNAVAILABLE\n')
    const ended = await runNode(createApplication('@statelyai/inspect'), 'inspect.mjs')
    assert.deepEqual(ended, { code: 0, stdout: 'watching\n', stderr: '' })
  })

  it('sends to a local agent of Datadog once hot-shots is installed, and says so before', async () => {
    const missing = await runNode(application, 'dogstatsd.mjs')
    assert.deepEqual(missing, { code: 0, stdout: 'retrying npm install hot-shots\n', stderr: '' })
    const sent = await runNode(createApplication('hot-shots'), 'dogstatsd.mjs')
    assert.deepEqual(sent, { code: 0, stdout: 'job.done.count:3|c\n', stderr: '' })
  })

  it('has a command that checks a file and tries its destinations', async () => {
    const command = join('node_modules', 'telemachine', (manifest.bin as Record<string, string>).telemachine!)
    writeFileSync(join(application, 'app.toml'), '[telemetry.prometheus]\nport = 0\n[telemetry.mock]\n')
    const { code, stdout, stderr } = await runNode(application, command, 'check', 'app.toml', '--live')
    assert.match(
      stdout,
      /^prometheus: ok: .*\nmock: skipped: .*\napp\.toml: valid, 2 exporters: prometheus, mock\n$/,
    )
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(readFileSync(join(application, command), 'utf8'), /^#!\/usr\/bin\/env node\n/)
    if (process.platform !== 'win32')
      assert.equal(statSync(join(application, command)).mode & 0o111, 0o111, 'it may be executed')
  })

  it('loads each dependency when docs/dependencies.md says, and not before', async () => {
    const { code, stdout, stderr } = await runNode(application, 'stages.cjs')
    assert.equal(stderr, '')
    assert.equal(code, 0)
    const stages = stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(': '))
    assert.deepEqual(Object.fromEntries(stages), {
      'require telemachine': 'xstate',
      createTelemetry: 'convict, lodash.clonedeep, yargs-parser',
      'start without exporters': '',
      'createTelemetry with a TOML file': 'smol-toml',
      'open prometheus': '@opentelemetry/api, bintrees, prom-client, tdigest',
      'open otel': '@opentelemetry/core, @opentelemetry/resources, @opentelemetry/semantic-conventions',
      'open otel with the package client':
        '@opentelemetry/api-logs, @opentelemetry/exporter-trace-otlp-proto, @opentelemetry/otlp-exporter-base, @opentelemetry/otlp-transformer, @opentelemetry/sdk-metrics',
      'require the other entry points': '',
    })
  })
})
