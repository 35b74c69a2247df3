// A process that is frozen between two calls, as a function of AWS Lambda is, finds its connections closed, reset or silent
// when it is thawed, and all its timers due at once. Nothing is lost, and no more arrives twice than is ambiguous.

import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { LedgerStatus } from '../../src/index.ts'
import { type Backend, createBackend } from '../../src/testing/index.ts'
import { assertExact } from '../support/ledger.ts'
import { compileFixture } from '../support/programs.ts'
import { createForwarder, type Forwarder } from './forwarder.ts'

const program = fileURLToPath(new URL('frozen-function.ts', import.meta.url))
const spansPerCall = 5
/** With `batch_size = 2`. */
const requestsPerCall = 3
/** Of an attempt, in seconds: a short one ends while the process is frozen, no busy machine outlasts a long one. */
const [short, long] = [2, 60]

describe('a process that is frozen and thawed', () => {
  let backend: Backend
  let network: Forwarder
  let child: ChildProcess
  let calls: number

  before(function () {
    // Whether a process stands still is read from /proc.
    if (process.platform !== 'linux') this.skip()
  })
  beforeEach(async () => {
    backend = createBackend()
    await backend.listen()
    network = await createForwarder(() => backend.port)
    calls = 0
  })
  afterEach(async () => {
    child?.kill('SIGKILL')
    await network?.close()
    await backend?.close()
  })

  const begin = async (timeout: number): Promise<void> => {
    const args = [`http://127.0.0.1:${network.port}/v1/traces`, String(timeout)]
    child = fork(await compileFixture(program), args, { execArgv: [] })
    await call()
  }
  const freeze = async (): Promise<void> => {
    child.kill('SIGSTOP')
    while (!/\) T /.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8'))) await pause(1)
    // Longer than a connection counts as just used.
    await pause(5)
  }
  const thaw = (): void => void child.kill('SIGCONT')
  /** The platform has the next call ready before it thaws the process. */
  const call = async (): Promise<void> => {
    const answered = once(child, 'message')
    child.send(calls)
    thaw()
    const [{ result }] = (await answered) as [{ result: number }]
    assert.equal(result, calls)
    calls += 1
  }

  interface Report {
    readonly complete: boolean
    readonly ledger: LedgerStatus
    readonly failures: number
  }
  /** Stops the process and holds its ledger against what has arrived. */
  const judge = async (): Promise<Report> => {
    const answered = once(child, 'message')
    child.send('stop')
    const [report] = (await answered) as [Report]
    const { complete, ledger } = report
    assertExact(ledger)
    const spans = calls * spansPerCall
    assert.deepEqual([complete, ledger.delivered, ledger.dropped], [true, 2 * spans, {}])
    const names = new Set(backend.spans.map(({ name }) => name))
    assert.equal(names.size, spans)
    assert.ok(2 * (backend.spanCount - spans) <= ledger.ambiguous, JSON.stringify(ledger))
    return report
  }

  for (const how of ['close', 'reset'] as const)
    it(`notices a ${how} that happened meanwhile before it sends, so that nothing is ambiguous and nothing failed`, async () => {
      await begin(long)
      for (let round = 0; round < 20; round += 1) {
        await freeze()
        network.end(how)
        await call()
      }
      const { ledger, failures } = await judge()
      assert.deepEqual([ledger.ambiguous, failures], [0, 0])
      assert.ok(network.accepted > 20)
    })

  it('does not use a connection that was idle for more than 4 s, which may have fallen silent', async () => {
    await begin(long)
    await freeze()
    network.fallSilent()
    await pause(4_100)
    await call()
    const { ledger, failures } = await judge()
    assert.deepEqual([ledger.ambiguous, failures], [0, 0])
  })

  it('outlives connections that fell silent without a word', async () => {
    await begin(short)
    for (let round = 0; round < 2; round += 1) {
      await freeze()
      network.fallSilent()
      await call()
    }
    await judge()
  })

  for (const [what, act] of [
    ['answered', (): void => network.release()],
    ['closed', (): void => network.end('close')],
    ['reset', (): void => network.end('reset')],
  ] as const)
    it(`goes on with requests that were ${what} after they had been in flight when it was frozen`, async () => {
      await begin(short)
      let isFrozenInTime = true
      for (let round = 0; round < 3; round += 1) {
        const before = backend.requests
        network.hold()
        const answered = once(child, 'message')
        const sentAt = performance.now()
        child.send(calls)
        await backend.waitForRequests(before + requestsPerCall)
        await freeze()
        isFrozenInTime &&= performance.now() - sentAt < short * 1_000
        act()
        network.release()
        // The timeout of the attempt is over by then, and its timer due.
        if (round === 0) await pause(short * 1_000 + 100)
        thaw()
        await answered
        calls += 1
      }
      const { ledger, failures } = await judge()
      // Else a busy machine has let attempts end without an answer before.
      if (what === 'answered' && isFrozenInTime) assert.deepEqual([ledger.ambiguous, failures], [0, 0])
    })

  it('finds a backend that was restarted meanwhile', async () => {
    await begin(long)
    for (let round = 0; round < 5; round += 1) {
      await freeze()
      await backend.close()
      await backend.reopen()
      await call()
    }
    const { failures } = await judge()
    assert.equal(failures, 0)
  })
})
