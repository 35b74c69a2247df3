import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { LedgerStatus } from '../../../src/delivery/ledger.ts'
import { createBackend } from '../../../src/testing/backend.ts'

const service = fileURLToPath(new URL('./service.ts', import.meta.url))

/** What became of the spans of all lives. */
export interface KillReport {
  readonly kills: number
  /** Spans in files that were synced before their process was killed. */
  readonly promised: number
  /** Of those, what never arrived. */
  readonly missing: readonly number[]
  readonly arrived: number
  /** Spans that arrived more than once, each time counted. */
  readonly duplicates: number
  /** Spans that the ledgers of all lives call ambiguous. A span weighs two events. */
  readonly ambiguous: number
  /** The last life, which was not killed. */
  readonly last: LedgerStatus
}

/** Kills a service under load at random moments, again and again on the same directory, and lets a last life deliver. */
export async function killRepeatedly(kills: number, random: () => number = Math.random): Promise<KillReport> {
  const directory = await mkdtemp(join(tmpdir(), 'spool-'))
  const backend = createBackend({ limit: 10_000_000 })
  await backend.listen()
  const promised = new Set<number>()
  let ambiguous = 0
  let last: LedgerStatus | undefined

  const live = async (life: number, rate: number, ms: number): Promise<void> => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', service, directory, backend.url, String(life * 1_000_000), String(rate)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const exited = once(child, 'exit')
    let ready = (): void => {}
    const isReady = new Promise<void>((resolve) => {
      ready = resolve
    })
    let latest = 0
    const lines = createInterface(child.stdout)
    const read = once(lines, 'close')
    lines.on('line', (line) => {
      // The last line may be cut by the kill.
      if (!line.endsWith('}')) return
      const told = JSON.parse(line) as Record<'synced', number[]> & {
        ready?: true
        ambiguous?: number
        ledger?: LedgerStatus
      }
      if (told.ready) ready()
      for (const n of told.synced ?? []) promised.add(n)
      latest = told.ambiguous ?? latest
      last = told.ledger
    })
    if (rate > 0) {
      await Promise.race([isReady, exited])
      await pause(ms)
      child.kill('SIGKILL')
    }
    await Promise.all([exited, read])
    ambiguous += (last?.ambiguous ?? latest) / 2
  }

  try {
    for (let life = 1; life <= kills; life += 1) {
      // Every other life finds a backend: a file that is tried in five lives that are killed is set aside.
      const mood = life % 2 === 0 ? 1 : random()
      await backend.clear()
      if (mood < 0.4) backend.fault({ type: 'status', status: 503 })
      else if (mood < 0.6) backend.fault({ type: 'hang', when: 'after', accepted: true })
      else if (mood < 0.7) backend.fault({ type: 'reset', when: 'after', accepted: true })
      await live(life, 10, 100 + random() * 500)
    }
    await backend.clear()
    await live(0, 0, 0)
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
      last: last as unknown as LedgerStatus,
    }
  } finally {
    await backend.close()
    await rm(directory, { recursive: true, force: true })
  }
}
