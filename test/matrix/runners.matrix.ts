// Guards that telemachine works in users' tests: in Jest, whose modules are CommonJS of its own making, in Vitest and
// in node:test.
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Ended, root, runNode } from '../package/packed.ts'
import { applicationOf, lines, tool } from './places.ts'

const folder = join(applicationOf(lines[0]), 'runners')

const passed = ({ code, stdout, stderr }: Ended): void => assert.equal(code, 0, stdout + stderr)

describe('a user’s tests', function () {
  this.timeout(60_000)

  it('pass in Jest, which transforms to CommonJS', async () => {
    process.env.ESBUILD = join(root, 'node_modules/esbuild')
    const ended = await runNode(folder, tool('jest/bin/jest.js'), '--config', 'jest.config.json')
    passed(ended)
    assert.match(ended.stderr, /Tests: +4 passed, 4 total/)
    assert.doesNotMatch(ended.stderr, /did not exit|open handle/)
  })

  it('pass in Vitest', async () => {
    const link = join(folder, 'node_modules/vitest')
    mkdirSync(dirname(link), { recursive: true })
    rmSync(link, { force: true })
    symlinkSync(tool('vitest'), link, 'junction')
    passed(await runNode(folder, tool('vitest/vitest.mjs'), 'run', 'vitest.test'))
  })

  it('pass in node:test', async () => passed(await runNode(folder, '--test', 'node.test.mjs')))
})
