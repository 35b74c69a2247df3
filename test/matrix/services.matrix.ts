// Guards a whole service with what npm installs for it: on this Node.js, with each line of OpenTelemetry's OTLP
// packages that it supports, and bundled by webpack.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { runNode } from '../package/packed.ts'
import { assertWholeService } from '../package/service.ts'
import { applicationOf, isSupported, lines, webpackBundles } from './places.ts'

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

  it('runs as webpack bundles it into an ES module', async () =>
    assertWholeService(await runNode(join(webpackBundles, 'esm'), 'service.mjs')))

  it('runs as webpack bundles it into CommonJS', async () =>
    assertWholeService(await runNode(join(webpackBundles, 'cjs'), 'service.cjs')))
})
