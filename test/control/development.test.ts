// Under Vitest and in bundlers' development builds XState warns of events sent to actors that have ended: we send none.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { compileProgram } from '../support/programs.ts'

describe("XState's development build", () => {
  it('warns of nothing, whatever goes on at the stop', async () => {
    // A process of its own, on a machine that may be busy.
    const program = await compileProgram("import './test/control/fixtures/development.ts'")
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=development', program])
    assert.equal(stdout, 'done\n')
  })
})
