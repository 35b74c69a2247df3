import type { DropReason } from '../exporters/drop-reasons.ts'

/** The side of a spool that the queue calls. */
export interface QueueSpill {
  /** Takes an item that goes to disk. False: it has to stay in memory. */
  spill(item: unknown, weight: number, at: number, self: boolean, wire: number, memory: number): boolean
  /** Items and bytes of memory that are on their way to disk. */
  readonly items: number
  readonly bytes: number
  /** Why an item that finds room nowhere is dropped. */
  readonly fullReason: DropReason
  /** Batches from disk are wanted: a file is read, if there is one. */
  fetch(): void
  readonly isFetching: boolean
}
