import type { DropReason } from '../exporters/drop-reasons.ts'
import type { Batch } from './batch.ts'
import type { RequestLimits } from './request-limits.ts'
import type { RequestRoom } from './ring.ts'

export interface QueueLimits {
  /** Items that may wait. */
  readonly queueSize: number
  /** Bytes of memory for what waits, is in flight or is held by the driver. */
  readonly queueBytes: number
  readonly batchSize: number
  readonly maxRequestBytes: number
  readonly overflow: 'drop_newest' | 'drop_oldest'
  /** From here on items go to disk: the limits above, unless there is a spool for what memory has no room for. */
  readonly spillSize: number
  readonly spillBytes: number
}

/** The items that wait for export: fresh ones, and failed batches behind them. */
export interface Queue {
  readonly items: number
  readonly weight: number
  /** Bytes of what waits or is in flight. */
  readonly bytes: number
  readonly tail: number
  /** Arrival of the oldest fresh item, in monotonic milliseconds. */
  oldest(): number
  /** A failed batch whose turn has come. */
  retryDue(): boolean
  /** Fresh items, without failed batches. */
  readonly fresh: number
  /** A request can be filled, or there is no room for more. */
  full(): boolean
  /** Position before which everything has been taken. */
  taken(): number
  /**
   * False: it was dropped for want of room. `wire`: bytes in a request, 0 if unknown. `memory`: bytes it keeps from
   * being freed.
   */
  enqueue(item: unknown, weight: number, at: number, self: boolean, wire: number, memory: number): boolean
  /** Room for so many bytes beside what waits and is in flight, made by dropping the oldest if the configuration says so. */
  makeRoom(bytes: number): boolean
  take(): Batch | undefined
  /** Takes the next batch that was not tried in this round of a drain, whether or not its turn has come. */
  takeUntried(round: number): Batch | undefined
  /** To the back of the queue. */
  requeue(batch: Batch): void
  /** Both halves go next; a batch of one cannot be split and is dropped `too_large`. */
  split(batch: Batch): void
  /** Everything that failed may go at once. */
  hurry(): void
  /** A batch that was read from disk. */
  addFetched(batch: Batch): void
  /** Items of batches that were read from disk, and wait. */
  readonly fetched: number
  /** The next batch from disk that has not been taken yet. */
  readonly nextFetched: Batch | undefined
  /** Removes and returns those of them of which this is true. */
  returnFetched(isWanted: (batch: Batch) => boolean): Batch[]
  /** Removes what waits in memory alone, for it to be written to disk: fresh items that came before `at`, then what failed. */
  takeUnbacked(at: number, most: RequestRoom): Batch | undefined
  /** Takes back what could not be written to disk. */
  giveBack(batch: Batch): void
  /** Removes everything, in batches of about this size. */
  removeAll(most: RequestRoom): Batch[]
  /** A batch has left the exporter, one way or another: its memory is free. */
  release(bytes: number): void
  /** Learns from what the backend says of the size of requests. */
  readonly requests: RequestLimits
  /** Drops whatever came before `at`, in monotonic milliseconds. */
  expire(at: number): void
  drop(reason: DropReason): void
}
