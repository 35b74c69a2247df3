// Guards `npm run start:fleet`: one change reaches every service, one is put back, and every span is accounted for.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { needsNats } from '../support/nats-server.ts'
import { compileFixture } from '../support/programs.ts'

describe('the demonstration of a fleet', () => {
  it('shows a change, a refusal, and where all telemetry is', async function () {
    needsNats(this)
    const main = fileURLToPath(new URL('../../examples/fleet/main.ts', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [await compileFixture(main)], {
      env: { ...process.env, NO_COLOR: '1' },
    })
    assert.match(stdout, /A page shows the fleet: http:\/\/127\.0\.0\.1:\d+\//)
    assert.match(stdout, /revision 1 is in force on 3 nodes/)
    assert.match(stdout, /gateway-two +gateway +ok/)
    assert.match(stdout, /billing: refused/)
    assert.match(stdout, /put revision 1 back: billing refused/)
    const [, spans, events] =
      /The backend has (\d+) spans; the services have delivered (\d+) events/.exec(stdout) ?? []
    assert.ok(Number(spans) > 0)
    assert.equal(Number(events), 2 * Number(spans))
    const [, stored, acknowledged] = [
      ...stdout.matchAll(/(\d+) batches stored = (\d+) acknowledged \+ 0 pending/g),
    ].at(-1) ?? ['', '', '']
    assert.ok(Number(stored) > 0)
    assert.equal(stored, acknowledged)
  })
})
