import type { InspectionEvent } from 'xstate'
import type { SpoolPort, SpoolState } from '../../../machines/index.ts'
import type { Clock } from '../../clock.ts'
import type { DropReason } from '../../exporters/drop-reasons.ts'
import type { AnyExporterDefinition, Config } from '../../exporters/exporter.ts'
import type { Batch } from '../batch.ts'
import type { Ledger } from '../ledger.ts'
import type { Queue } from '../queue-contract.ts'
import type { QueueSpill } from '../spill.ts'
import type { Disk } from './disk.ts'
import type { StoredFile } from './files.ts'
import type { Reading } from './reading.ts'
import type { SpoolStatus } from './status.ts'
import type { Writing } from './writing.ts'

/** The spool of one exporter: the data side. */
export interface Spool extends QueueSpill {
  /** The exporter is enabled, with this configuration. */
  configure(config: Config): void
  /** Memory is relieved before it is full. */
  readonly spills: boolean
  /** Batches go earlier, so that what is not answered can be on disk within `flush_interval`. */
  readonly isPrompt: boolean
  /** A batch from disk is there, or can be read. */
  readonly isDue: boolean
  /** Reads the next file. Returns false without a file, or if it cannot be read now, or not in time. */
  load(): Promise<boolean>
  /** The queue pauses: files that were read and not sent go back to disk. */
  pause(): void
  /** Something waits, or is in flight: it may have to be written soon. */
  wake(): void
  /** Events in memory that are on their way to disk. */
  readonly memoryWeight: number
  /** Events on disk alone; undefined if there has never been a spool. */
  readonly weight: number | undefined
  /** Tells, when called, whether everything that was there at this moment is settled. */
  flushed(): () => boolean
  /** Upkeep, about once a second. */
  tick(config: Config): void
  /** Writes everything that waits in memory. False: there is no spool. What cannot be written is dropped. */
  park(reason: DropReason): boolean
  /** Resolves when nothing is being parked any more. */
  parked(): Promise<void>
  /** Drops what is not written yet, and gives the directory back. Resolves when that is done. */
  end(reason: DropReason): Promise<void>
  /** Undefined: it has none. */
  status(): SpoolStatus | undefined
}

export interface SpoolOptions {
  readonly id: string
  readonly definition: AnyExporterDefinition
  readonly state: unknown
  readonly clock: Clock
  readonly ledger: Ledger
  readonly disk: Disk
  readonly queue: () => Queue
  readonly leases: () => ReadonlySet<Batch>
  /** Batches are taken out of the queue now. */
  readonly isTaking: () => boolean
  readonly config: () => Config
  readonly inspect?: ((event: InspectionEvent) => void) | undefined
  readonly onStateChange: (from: SpoolState, to: SpoolState) => void
  readonly onError: (error: unknown) => void
  /** What `isDue` says may have changed. */
  readonly onReadable: () => void
  /** What `spills` and `isPrompt` say may have changed. */
  readonly onChange: () => void
}

/** The files of one exporter: which there are, which wait to be sent. Nothing in it throws or rejects. */
export interface Store extends SpoolPort {
  readonly reading: Reading
  readonly writing: Writing
  open(): Promise<{ readonly isFull: boolean }>
  /** Gives the directory back. `isLast`: the process ends, and what waits on disk still counts. */
  close(isLast: boolean): Promise<void>
  /** Files may be written. */
  readonly mayWrite: boolean
  /** Events that wait on disk alone. */
  readonly weight: number
  /** The file is all there is of its events: they wait on disk from now on. */
  wait(file: StoredFile): void
  /** Something that a write needs has failed. */
  fail(error: unknown): void
  /** It is delivered, or dropped. */
  remove(file: StoredFile): void
  /** The highest sequence that was written. */
  readonly newest: number
  /** Every file of at most this number is settled. */
  settledTo(sequence: number): boolean
  /** Upkeep, about once a second. `maxAgeMs`: files that have waited longer are dropped. */
  tick(maxAgeMs: number | undefined): void
  status(): Omit<SpoolStatus, 'state' | 'directory' | 'mode'>
}
