// Guards a whole service with what npm installs for it: on this Node.js, with each line of OpenTelemetry's OTLP
// packages that it supports, and bundled by webpack and Vite.

import assert from 'node:assert/strict'
import { runNode } from '../package/packed.ts'
import { assertWholeService } from '../package/service.ts'
import { applicationOf, bundles, isSupported, lines } from './places.ts'

describe('a service, in the matrix', function () {
  this.timeout(60_000)

  for (const line of lines.filter(isSupported)) {
    it(`runs with the ${line.line} line of the OTLP packages`, async () =>
      assertWholeService(await runNode(applicationOf(line), 'service.mjs')))

    it(`exports spans of the SDK of the ${line.line} line`, async () => {
      const ended = await runNode(applicationOf(line), 'sdk.cjs', line.line)
      assert.deepEqual(ended, { code: 0, stdout: 'outer, inner\n', stderr: '' })
    })
  }

  it('is one copy, imported and required', async () => {
    const ended = await runNode(applicationOf(lines[0]), 'both.cjs')
    assert.deepEqual(ended, { code: 0, stdout: 'one copy\n', stderr: '' })
  })

  for (const { tool, folder, file } of bundles)
    it(`runs as bundled by ${tool}`, async () => assertWholeService(await runNode(folder, file)))
})
