// Guards that a process without workers and threads pays nothing for those that have some, and that many systems in one
// process or folder do each other no harm.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import cluster from 'node:cluster'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createTelemetry } from '../../src/index.ts'
import { startOpened } from '../support/opened.ts'
import { freePort } from '../support/ports.ts'
import { compileFixture } from '../support/programs.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const pageOnPort = (port: number) =>
  createTelemetry({
    config: { env: {}, init: { prometheus: { port } } },
    logger: quietLogger,
    drainOnExit: false,
  })

interface Client {
  readonly port: number
  readonly url: string
  readonly cluster?: { readonly role: string }
}
const clientOf = (telemetry: ReturnType<typeof pageOnPort>): Client =>
  telemetry.status().exporters.prometheus!.client as unknown as Client

describe('a process on its own', () => {
  it('makes no folder and no channel, and leaves no listener', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'telemachine-lone-'))
    const fixture = await compileFixture(fileURLToPath(new URL('fixtures/lone.ts', import.meta.url)))
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [fixture], {
        env: { ...process.env, TMPDIR: temporary },
      })
      assert.deepEqual(JSON.parse(stdout), { isCounted: true, made: [], left: 0 })
      const groups = readdirSync(temporary).filter((name) => name.startsWith('telemachine-'))
      assert.deepEqual(groups, [])
    } finally {
      rmSync(temporary, { recursive: true })
    }
  })

  it('may have many systems, each on a free port and with a page of its own', async () => {
    const systems = Array.from({ length: 12 }, () => pageOnPort(0))
    await Promise.all(systems.map(startOpened))
    for (const [i, one] of systems.entries()) one.emit('job.done', { count: i + 1 })
    assert.ok(cluster.listenerCount('fork') < 10 && process.listenerCount('worker') < 10)
    for (const [i, one] of systems.entries()) {
      const text = await (await fetch(clientOf(one).url)).text()
      assert.match(text, new RegExp(`^job_done_total ${i + 1}$`, 'm'))
    }
    assert.equal(new Set(systems.map((one) => clientOf(one).port)).size, 12)
    await Promise.all(systems.map((one) => one.stop()))
  })

  it('has the port for one system only: the second one says so, and takes over when the first one stops', async () => {
    const port = await freePort()
    const [first, second] = [pageOnPort(port), pageOnPort(port)]
    await startOpened(first)
    await startOpened(second)
    const { state, lastError } = second.status().exporters.prometheus!
    assert.equal(state, 'retrying')
    assert.match(String(lastError?.message), /is in use/)
    assert.equal(clientOf(first).cluster?.role, 'alone')
    await first.stop()
    await second.restart('prometheus')
    assert.equal(clientOf(second).port, port)
    await second.stop()
  })
})
