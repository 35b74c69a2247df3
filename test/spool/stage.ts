import { mock } from '../../src/exporters/mock.ts'
import type { Outcome } from '../../src/exporters/outcome.ts'
import { createMemoryDisk, type MemoryDisk, type Platter } from '../support/memory-disk.ts'
import { startSimulated } from '../support/simulated-telemetry.ts'

const down: Outcome = { type: 'retry', cause: new Error('down') }

export const directory = '/spool'

/** What the backend does with a batch. `slow`: it takes it in 50 ms. `silent`: it never answers. */
export type Backend = 'up' | 'slow' | 'down' | 'silent'

/** One life of a process: a mock exporter with a spool, on simulated time and a disk in memory. */
export async function beginLife(
  platter: Platter,
  spool: Readonly<Record<string, unknown>> = {},
  settings: Readonly<Record<string, unknown>> = {},
  answers: Backend = 'up',
) {
  let now = answers
  const disk: MemoryDisk = createMemoryDisk(platter)
  const backend = mock({
    type: 'test',
    export: async (batch) => {
      if (now === 'silent') return new Promise(() => {})
      if (now === 'down') return down
      if (now === 'slow') await new Promise<void>((resolve) => life.clock.setTimeout(() => resolve(), 50))
      disk.log.push({ type: 'arrive', names: batch.map(({ name }) => name) })
      return { type: 'delivered' }
    },
  })
  const config = { batch_size: 10, queue_size: 40, flush_interval: 1, event_patterns: ['app.*'] }
  const life = await startSimulated(
    [backend],
    { test: { ...config, spool: { directory, ...spool }, ...settings } },
    undefined,
    undefined,
    disk,
  )
  await life.settle()
  return {
    ...life,
    disk,
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
    /** Emits ten events a second, so that the disk has time. */
    async load(seconds: number, from = 0) {
      for (let i = from; i < from + seconds; i += 1) {
        life.emit(10, `app.${i}`)
        await life.pass(1)
      }
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
