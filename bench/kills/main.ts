/**
 * A service with a spool of files, beside the same service whose spool is in LevelDB (`classic-level`): it is killed
 * again and again under load, and it lives through an outage.
 * `npm --prefix bench run kills -- --kills 200 --seconds 10 --stores files,level`
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemDisk } from '../../src/delivery/spool/disk.ts'
import type { Life } from '../../test/spool/kill/contract.ts'
import { killRepeatedly } from '../../test/spool/kill/kills.ts'
import { serve } from '../../test/spool/kill/service.ts'
import { bench, flag, list, machine } from '../peers/workers.ts'
import { startSink } from '../sink.ts'
import { createLevelDisk, levelNames } from './level-disk.ts'
import { livesThroughOutage, type Outage, type OutageResult } from './outage.ts'

type Store = 'files' | 'level'

const diskOf = (store: Store, directory: string) =>
  store === 'level' ? createLevelDisk(directory) : systemDisk

const lifeVariable = 'TELEMACHINE_BENCH_LIFE'

function kill(store: Store, kills: number) {
  const start = (life: Life) =>
    spawn(process.execPath, [fileURLToPath(import.meta.url)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, [lifeVariable]: JSON.stringify({ store, life }) },
    })
  const names = async (directory: string) =>
    store === 'level' ? levelNames(directory) : readdir(directory).catch(() => [])
  return killRepeatedly(kills, { start, names })
}

async function main(
  apart: (task: Outage & { store: Store }, onWarm: () => Promise<unknown>) => Promise<OutageResult>,
) {
  const stores = list('stores', ['files', 'level'], ['files', 'level']) as Store[]
  const kills = flag('kills', 200)
  const rate = flag('rate', 20_000)
  const seconds = flag('seconds', 10)
  console.log(machine(false))
  for (const store of kills > 0 ? stores : []) {
    const begun = performance.now()
    const report = await kill(store, kills)
    console.log(
      `${store.padEnd(6)} ${report.kills} kills  synced ${report.promised} spans  lost ${report.missing.length} (set aside ${report.aside})` +
        `  arrived ${report.arrived}  duplicates ${report.duplicates}  ambiguous ${report.ambiguous}` +
        `  ledger error ${report.ledgerError}  dropped ${JSON.stringify(report.last.dropped)}` +
        `  in ${((performance.now() - begun) / 1000).toFixed(0)} s`,
    )
  }
  for (const store of seconds > 0 ? stores : []) {
    const place = await mkdtemp(join(tmpdir(), 'spool-kills-'))
    const sink = await startSink()
    try {
      await sink.fault({ type: 'refuse' })
      const task = { store, directory: join(place, 'spool'), endpoint: sink.url, rate, seconds }
      const result = await apart(task, () => sink.clear())
      console.log(
        `${store.padEnd(6)} an outage of ${seconds} s at ${rate} spans/s:` +
          `  CPU s per 1M ${result.cpu.toFixed(2)}  loop delay p99 ${result.delay.toFixed(1)} ms` +
          `  then ${result.drained.toFixed(0)} spans/s, CPU s per 1M ${result.drainCpu.toFixed(2)}` +
          `  written ${result.written.toFixed(0)} MiB  at most ${result.most.toFixed(0)} MiB, left ${result.left.toFixed(1)} MiB` +
          `  lost ${result.lost}`,
      )
    } finally {
      await sink.close()
      await rm(place, { recursive: true, force: true })
    }
  }
}

const given = process.env[lifeVariable]
if (given === undefined)
  await bench<Outage & { store: Store }, OutageResult>(
    import.meta.url,
    (task) => livesThroughOutage(task, diskOf(task.store, task.directory)),
    main,
  )
else {
  const { store, life } = JSON.parse(given) as { store: Store; life: Life }
  const disk = diskOf(store, life.directory)
  await serve(life, disk)
}
