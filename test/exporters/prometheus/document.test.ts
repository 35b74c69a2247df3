/** What docs/prometheus.md tells a reader to type runs: each program starts, and its page is there. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createTelemetry } from '../../../src/index.ts'
import { compileProgram } from '../../support/programs.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const text = readFileSync(join(root, 'docs/prometheus.md'), 'utf8')
const run = promisify(execFile)

const blocks = (language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, block]) => block!)

describe('docs/prometheus.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'telemachine-prometheus-'))
  after(() => rmSync(folder, { recursive: true }))

  const play = async (program: string): Promise<string> => {
    const relocated = program.replaceAll("'telemachine'", "'./src/index.ts'").replaceAll(/\b9464\b/g, '0')
    const file = await compileProgram(relocated)
    const { stdout, stderr } = await run(process.execPath, [file], { cwd: folder })
    assert.equal(stderr, '')
    return stdout
  }

  const programs = blocks('ts').filter((block) => block.startsWith('import '))
  const scrape = `
    await telemetry.start()
    telemetry.emit('job', { count: 2, depth: 3 })
    telemetry.emit('queue.depth', { depth: 7 }, { queue: 'mail' })
    const page = await fetch(telemetry.status().exporters.prometheus.client.url)
    process.stdout.write(await page.text())
    await telemetry.stop()`

  it('has metrics of one’s own on the page', async () => {
    const page = await play(programs[0]! + scrape)
    assert.match(page, /^job_total 2$/m)
    assert.match(page, /^queue_depth\{queue="mail"\} 7$/m)
  })

  it('has the metrics of a registry of one’s own on the page', async () => {
    const own = `import { Counter } from 'prom-client'
      new Counter({ name: 'own_total', help: 'x' }).inc(4)\n`
    const page = await play(own + programs[1]! + scrape)
    assert.match(page, /^job_total 2$/m)
    assert.match(page, /^own_total 4$/m)
  })

  it('has the page in a server of one’s own', async () => {
    const program = programs[2]!.replace(
      '.listen(8080)',
      `.listen(0, '127.0.0.1', async function () {
        telemetry.emit('job', { count: 2 })
        const page = await fetch('http://127.0.0.1:' + this.address().port + '/metrics')
        process.stdout.write(await page.text())
        process.exit()
      })`,
    )
    assert.match(await play(program), /^job_total 2$/m)
  })

  it('has a configuration that starts', async () => {
    const file = join(folder, 'telemetry.toml')
    writeFileSync(file, blocks('toml')[0]!.replace('9464', '0'))
    const telemetry = createTelemetry({ config: { env: {}, file }, drainOnExit: false })
    await telemetry.start()
    assert.equal(telemetry.status().exporters.prometheus!.client.host, '0.0.0.0')
    await telemetry.stop()
  })
})
