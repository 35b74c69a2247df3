// The first program of docs/bridges.md runs as it is written, and shows what is written below it.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { compileProgram } from '../support/programs.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const text = readFileSync(`${root}docs/bridges.md`, 'utf8')
const block = (language: string): string => text.split(`\`\`\`${language}\n`)[1]!.split('```')[0]!.trim()

describe('the document on bridges', () => {
  it('has a first program that shows the line below it', async () => {
    const ask = `.listen(0, '127.0.0.1', async function () {
      await (await fetch('http://127.0.0.1:' + this.address().port)).text()
      // On a busy machine the exporter may open after the start.
      while (!telemetry.status().exporters.prometheus.client.url) await new Promise((resolve) => setTimeout(resolve, 5))
      let page = ''
      while (!page.includes('http_server_request_duration_seconds_count'))
        page = await (await fetch(telemetry.status().exporters.prometheus.client.url)).text()
      console.log(page)
      process.exit()
    })`
    const program = block('ts')
      .replace("'telemachine'", "'./src/index.ts'")
      .replace("'telemachine/bridges'", "'./src/bridges/index.ts'")
      .replace('9464', '0')
      .replace('.listen(8080)', ask)
    const file = await compileProgram(program)
    const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: root, timeout: 240_000 })
    const shown = text.split('shows:\n\n```\n')[1]!.split('\n')[0]!
    assert.ok(stdout.includes(shown), stdout)
  })
})
