import type { AnyExporterDefinition } from '../../src/exporters/exporter.ts'
import { mock } from '../../src/exporters/mock.ts'
import type { Outcome } from '../../src/exporters/outcome.ts'
import { assertExact } from '../support/ledger.ts'
import { createMemoryDisk, type MemoryDisk, type Platter } from '../support/memory-disk.ts'
import { startSimulated } from '../support/simulated-telemetry.ts'

export const down: Outcome = { type: 'retry', cause: new Error('down') }

export const directory = '/spool'

/** What the backend does with a batch. `slow`: it takes it in 50 ms. `silent`: it never answers. */
export type Backend = 'up' | 'slow' | 'down' | 'silent'

/** One life of a process whose exporter has a spool, on simulated time. */
export async function startLife(
  disk: MemoryDisk,
  exporter: AnyExporterDefinition,
  settings: Readonly<Record<string, unknown>>,
) {
  const config = { batch_size: 10, queue_size: 40, flush_interval: 1, event_patterns: ['app.*'] }
  const init = { test: { ...config, spool: { directory }, ...settings } }
  const life = await startSimulated([exporter], init, undefined, undefined, disk)
  await life.settle()
  return {
    ...life,
    disk,
    /** Emits ten events a second, so that the disk has time. */
    async load(seconds: number, from = 0) {
      for (let i = from; i < from + seconds; i += 1) {
        life.emit(10, `app.${i}`)
        await life.pass(1)
        assertExact(life.ledger(), `after ${i} seconds`)
      }
    },
  }
}

/** One life of a process: a mock exporter with a spool, on simulated time and a disk in memory. */
export async function beginLife(
  platter: Platter,
  spool: Readonly<Record<string, unknown>> = {},
  settings: Readonly<Record<string, unknown>> = {},
  answers: Backend = 'up',
) {
  let now = answers
  const disk = createMemoryDisk(platter)
  const backend = mock({
    type: 'test',
    export: async (batch, _attempt, { clock }) => {
      if (now === 'silent') return new Promise(() => {})
      if (now === 'down') return down
      if (now === 'slow') await new Promise<void>((resolve) => clock.setTimeout(() => resolve(), 50))
      disk.log.push({ type: 'arrive', names: batch.map(({ name }) => name) })
      return { type: 'delivered' }
    },
  })
  const life = await startLife(disk, backend, { spool: { directory, ...spool }, ...settings })
  return {
    ...life,
    names: () => backend.events.map(({ name }) => name),
    status: () => life.telemetry.status().exporters.test!,
    spool: () => life.telemetry.status().exporters.test!.spool!,
    goesDown: () => {
      now = 'down'
    },
    goesSilent: () => {
      now = 'silent'
    },
    comesBack: () => {
      now = 'up'
    },
  }
}

/** Paths of the files of a spool. */
export const spoolFiles = ({ files }: Pick<Platter, 'files'>): string[] =>
  [...files.keys()]
    .filter(
      (path) => path.startsWith(`${directory}/`) && path.endsWith('.spool') && !path.includes('quarantine'),
    )
    .sort()

export const weightIn = (path: string): number => Number(/-(\d+)w-/.exec(path)?.[1])

export const sequenceOf = (path: string): string => /(\d{17})-/.exec(path)![1]!

export const failure = (code: string): Error => Object.assign(new Error(code), { code })
