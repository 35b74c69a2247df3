import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { LedgerStatus } from '../../../src/delivery/ledger.ts'
import { factsOf } from '../../../src/delivery/spool/file-name.ts'
import { createBackend } from '../../../src/testing/backend/backend.ts'
import type { KillReport, Life, Stage, Told } from './contract.ts'

/** A fifth of the kills comes while the service starts; the others once it works. */
const earlyPart = 0.2

/** A file is set aside after five lives, and on a slow machine none of them may have had the time to send it. */
const endangeredAt = 4

/** Kills a service under load at random moments, again and again on the same directory, and lets a last life deliver. */
export async function killRepeatedly(
  kills: number,
  { start, names }: Stage,
  random: () => number = Math.random,
): Promise<KillReport> {
  const place = await mkdtemp(join(tmpdir(), 'spool-'))
  const directory = join(place, 'spool')
  const backend = createBackend({ limit: 10_000_000 })
  await backend.listen()
  const promised = new Set<number>()
  let ambiguous = 0
  let ledgerError = 0
  let last: LedgerStatus | undefined
  /** Events in files, between two lives. */
  let left = 0

  const weightIn = async (folder: string): Promise<number> =>
    (await names(folder)).reduce((sum, name) => sum + (factsOf(name)?.weight ?? 0), 0)

  const deliverAll = async (): Promise<void> => {
    await backend.clear()
    await live({ directory, endpoint: backend.url, first: 0, rate: 0 })
  }

  const live = async (life: Life): Promise<void> => {
    const child = start(life)
    const exited = once(child, 'exit')
    let ready = (): void => {}
    const isReady = new Promise<void>((resolve) => {
      ready = resolve
    })
    let synced = (): void => {}
    const hasSynced = new Promise<void>((resolve) => {
      synced = resolve
    })
    let latest = 0
    const lines = createInterface(child.stdout!)
    const read = once(lines, 'close')
    lines.on('line', (line) => {
      // The last line may be cut by the kill.
      if (!line.endsWith('}')) return
      const told = JSON.parse(line) as Told
      if (told.ready) ready()
      for (const n of told.synced ?? []) promised.add(n)
      if (promised.size > 0) synced()
      if (told.restored !== undefined) ledgerError += Math.abs(told.restored - left)
      latest = told.ambiguous ?? latest
      last = told.ledger
    })
    if (life.rate > 0) {
      if (random() < earlyPart) await pause(random() * 400)
      else {
        await Promise.race([isReady, exited])
        await pause(100 + random() * 700)
        // On a busy machine it may not have come so far.
        if (promised.size === 0) await Promise.race([hasSynced, exited])
      }
      child.kill('SIGKILL')
    }
    const [[code, signal]] = await Promise.all([exited, read])
    if (code !== 0 && signal !== 'SIGKILL') throw new Error(`a life ended by itself, with ${code ?? signal}`)
    ambiguous += (last?.ambiguous ?? latest) / 2
    left = await weightIn(directory)
  }

  try {
    for (let life = 1; life <= kills; life += 1) {
      if ((await names(directory)).some((name) => (factsOf(name)?.lives ?? 0) >= endangeredAt)) {
        await deliverAll()
        last = undefined
      }
      // Every other life finds a backend, once something has been written: what a backend takes at once never is.
      const mood = promised.size === 0 ? random() * 0.7 : life % 2 === 0 ? 1 : random()
      await backend.clear()
      if (mood < 0.4) backend.fault({ type: 'status', status: 503 })
      else if (mood < 0.6) backend.fault({ type: 'hang', when: 'after', accepted: true })
      else if (mood < 0.7) backend.fault({ type: 'reset', when: 'after', accepted: true })
      await live({ directory, endpoint: backend.url, first: life * 1_000_000, rate: 50 })
    }
    await deliverAll()
    const counts = new Map<number, number>()
    for (const { attributes } of backend.spans) {
      const n = Number(attributes.n)
      counts.set(n, (counts.get(n) ?? 0) + 1)
    }
    return {
      kills,
      promised: promised.size,
      missing: [...promised].filter((n) => !counts.has(n)),
      arrived: counts.size,
      duplicates: [...counts.values()].reduce((sum, count) => sum + count - 1, 0),
      ambiguous,
      aside: (await weightIn(join(directory, 'quarantine'))) / 2,
      ledgerError,
      last: last as unknown as LedgerStatus,
    }
  } finally {
    await backend.close()
    await rm(place, { recursive: true, force: true })
  }
}
