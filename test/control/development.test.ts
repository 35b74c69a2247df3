// Under Vitest and in bundlers' development builds XState warns of events sent to actors that have ended: we send none.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const script = fileURLToPath(new URL('./fixtures/development.ts', import.meta.url))

describe("XState's development build", () => {
  it('warns of nothing, whatever goes on at the stop', async function () {
    // A process of its own, on a machine that may be busy.
    this.timeout(60_000)
    const node = ['--conditions=development', '--import', 'tsx', script]
    const { stdout } = await promisify(execFile)(process.execPath, node)
    assert.equal(stdout, 'done\n')
  })
})
