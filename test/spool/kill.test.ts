/** A service is killed under load, again and again: what it had synced arrives, and what arrives twice was announced. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { assertExact, totalPending } from '../support/ledger.ts'
import { compileProgram } from '../support/programs.ts'
import { killRepeatedly } from './kill/kills.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'

describe('a service that is killed under load', function () {
  this.timeout(nightly ? 1_800_000 : 300_000)

  it('loses nothing that was synced, and the ledgers of its lives add up', async () => {
    const service = await compileProgram(`
      import { serve } from './test/spool/kill/service.ts'
      serve(JSON.parse(process.argv[2]))
    `)
    const report = await killRepeatedly(nightly ? 200 : 8, {
      start: (life) =>
        spawn(process.execPath, [service, JSON.stringify(life)], { stdio: ['ignore', 'pipe', 'inherit'] }),
      names: (directory) => readdir(directory).catch(() => []),
    })
    assert.ok(report.promised > 0, 'something was on disk when it was killed')
    assert.deepEqual(report.missing, [])
    assert.equal(report.aside, 0, 'spans that were set aside')
    assert.ok(
      report.duplicates <= report.ambiguous,
      `${report.duplicates} duplicates, ${report.ambiguous} ambiguous`,
    )
    assert.equal(report.ledgerError, 0)
    assertExact(report.last)
    assert.equal(totalPending(report.last), 0)
    const { delivered, dropped, restored } = report.last
    assert.equal(delivered + (dropped.spool_corrupt ?? 0), restored)
  })
})
