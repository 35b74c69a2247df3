// Guards a whole service with what npm installs for it: on this Node.js, with each line of OpenTelemetry's OTLP
// packages that it supports, as an ES module and as CommonJS, and bundled by esbuild, webpack and Vite; and the command.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import { runNode } from '../package/packed.ts'
import { assertWholeService } from '../package/service.ts'
import { applicationOf, bundles, isSupported, lines } from './places.ts'

describe('a service, in the matrix', function () {
  this.timeout(60_000)

  for (const line of lines.filter(isSupported)) {
    it(`runs with the ${line.line} line of the OTLP packages`, async () =>
      assertWholeService(await runNode(applicationOf(line), 'service.mjs')))

    it(`runs as CommonJS with the ${line.line} line`, async () => {
      const folder = applicationOf(line)
      const source = readFileSync(join(folder, 'service.mjs'), 'utf8')
      writeFileSync(join(folder, 'service.cjs'), transformSync(source, { format: 'cjs' }).code)
      assertWholeService(await runNode(folder, 'service.cjs'))
    })

    it(`exports spans of the SDK of the ${line.line} line`, async () => {
      const ended = await runNode(applicationOf(line), 'sdk.cjs', line.line)
      assert.deepEqual(ended, { code: 0, stdout: 'outer, inner\n', stderr: '' })
    })
  }

  it('has its command, which checks a configuration', async () => {
    const folder = applicationOf(lines[0])
    writeFileSync(join(folder, 'app.toml'), '[telemetry.otel]\nbatch_size = 0\n[telemetry.prometheus]\n')
    const { code, stdout, stderr } = await runNode(
      folder,
      'node_modules/.bin/telemachine',
      'check',
      'app.toml',
    )
    assert.match(stdout, /^app\.toml:2:1: error: telemetry\.otel\.batch_size is 0, but must be/)
    assert.deepEqual([code, stderr], [1, ''])
  })

  it('is one copy, imported and required', async () => {
    const ended = await runNode(applicationOf(lines[0]), 'both.cjs')
    assert.deepEqual(ended, { code: 0, stdout: 'one copy\n', stderr: '' })
  })

  for (const { tool, folder, file } of bundles)
    it(`runs as bundled by ${tool}`, async () => assertWholeService(await runNode(folder, file)))
})
