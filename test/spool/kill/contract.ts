import type { ChildProcess } from 'node:child_process'
import type { LedgerStatus } from '../../../src/delivery/ledger.ts'

/** One life of the service that is killed. */
export interface Life {
  readonly directory: string
  readonly endpoint: string
  /** The number of its first span. */
  readonly first: number
  /** Spans that it emits each 10 ms. 0: it delivers what it finds, and ends. */
  readonly rate: number
}

/** What the service tells, a line of JSON each. */
export interface Told {
  readonly ready?: true
  /** Spans in a file that is on the disk for good. */
  readonly synced?: readonly number[]
  /** Events that it found when it opened its spool. */
  readonly restored?: number
  readonly ambiguous?: number
  /** Its last word. */
  readonly ledger?: LedgerStatus
}

/** Who runs the service, and on what kind of disk. */
export interface Stage {
  /** Starts `serve` in a process of its own, with its standard output as a pipe. */
  start(life: Life): ChildProcess
  /** The names in a directory, while no service has it. */
  names(directory: string): Promise<readonly string[]>
}

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
  /** Spans in files that were set aside: their lives have ended too often while they were sent. */
  readonly aside: number
  /** Events, over all lives, by which `restored` differs from what the life before left on disk. */
  readonly ledgerError: number
  /** The last life, which was not killed. */
  readonly last: LedgerStatus
}
