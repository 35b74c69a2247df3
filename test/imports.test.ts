// Guards what an application pays for importing telemachine: heavy packages load when an exporter first opens.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { compileProgram } from './support/programs.ts'

/** Runs a script in a process of its own and returns the files of packages it has loaded by then. */
async function loadedAfter(script: string): Promise<string[]> {
  const program = await compileProgram(`
    import { createRequire } from 'node:module'
    const require = createRequire(import.meta.url)
    ${script}
    const commonJs = Object.keys(require.cache)
    process.stdout.write('LOADED ' + JSON.stringify(commonJs) + '\\n', () => process.exit(0))`)
  const output = execFileSync(process.execPath, [program], { encoding: 'utf8' })
  const line = output.split('\n').find((text) => text.startsWith('LOADED ')) as string
  return JSON.parse(line.slice('LOADED '.length)) as string[]
}

const heavy = /node_modules\/(prom-client|@opentelemetry\/(exporter|otlp|sdk|resources|core))/

describe('importing telemachine', () => {
  it('loads neither convict nor the TOML parser, which telemetry needs once it is made', async () => {
    const packages = /node_modules\/(convict|yargs-parser|lodash|smol-toml)/
    const imported = await loadedAfter(`await import('./src/index.ts')`)
    assert.deepEqual(
      imported.filter((file) => packages.test(file)),
      [],
    )
    const made = await loadedAfter(`
      const { createTelemetry } = await import('./src/index.ts')
      createTelemetry({ config: { env: {} } })`)
    assert.ok(made.some((file) => file.includes('node_modules/convict/')))
  })

  it('loads neither the OTLP packages nor prom-client', async () => {
    const loaded = await loadedAfter(`
      const { createTelemetry } = await import('./src/index.ts')
      createTelemetry({ config: { env: {}, init: { otel: {}, prometheus: {} } } })`)
    assert.deepEqual(
      loaded.filter((file) => heavy.test(file)),
      [],
    )
  })

  it('loads prom-client when a Prometheus exporter opens, and the OTLP package when its client does', async () => {
    const loaded = await loadedAfter(`
      const { createTelemetry } = await import('./src/index.ts')
      const telemetry = createTelemetry({ config: { env: {}, init: {
        otel: { client: 'package' }, prometheus: { port: 0 } } } })
      await telemetry.start()`)
    assert.ok(loaded.some((file) => file.includes('node_modules/prom-client/')))
    assert.ok(loaded.some((file) => file.includes('node_modules/@opentelemetry/exporter-trace-otlp-proto/')))
  })
})
