import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LedgerStatus } from '../../src/index.ts'
import { createBackend } from '../../src/testing/index.ts'
import { pendingOf } from './reckoning.ts'

const program = fileURLToPath(new URL('./mortal.ts', import.meta.url))

/** What two lives of one service say of the same jobs. */
export interface TwoLives {
  /** When it was killed. */
  readonly first: LedgerStatus
  readonly second: LedgerStatus
  /** Spans that the receiver decoded. */
  readonly received: number
}

/** Kills a service in an outage, starts it again on the same spool with the receiver back, and lets it end. */
export async function killAndRestart(jobs: number, signal: AbortSignal): Promise<TwoLives> {
  const directory = await mkdtemp(join(tmpdir(), 'queuemizer-'))
  const receiver = createBackend()
  await receiver.listen()
  const endpoint = receiver.url

  const live = async (emitted: number): Promise<LedgerStatus> => {
    const child = fork(program, [directory, endpoint, String(emitted)], { signal, killSignal: 'SIGKILL' })
    const exited = once(child, 'exit')
    exited.catch(() => {})
    const [ledger] = (await Promise.race([
      once(child, 'message'),
      exited.then(() => Promise.reject(new Error('the service ended without a word'))),
    ])) as [LedgerStatus]
    if (emitted > 0) child.kill('SIGKILL')
    await exited
    return ledger
  }

  try {
    await receiver.close()
    const first = await live(jobs)
    await receiver.reopen()
    const second = await live(0)
    return { first, second, received: receiver.spanCount }
  } finally {
    await receiver.close()
    await rm(directory, { recursive: true, force: true })
  }
}

/** The ledgers add up over both lives: what the first left, the second had and delivered, and the receiver has it. */
export const addsUp = (jobs: number, { first, second, received }: TwoLives): boolean =>
  first.accepted === 2 * jobs &&
  first.delivered + pendingOf(first) === first.accepted &&
  second.restored === pendingOf(first) &&
  second.accepted === second.restored &&
  second.delivered === second.accepted &&
  2 * received >= first.delivered + second.delivered &&
  2 * received <= first.delivered + second.delivered + second.ambiguous
