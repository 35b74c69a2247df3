import type { ReceivedPoint } from './points.ts'
import type { BackendRequest, Items, ReceivedLogRecord, ReceivedSpan } from './request.ts'

/** The counters behind BackendStats. */
export interface Counters {
  requests: number
  spanCount: number
  logRecordCount: number
  pointCount: number
  received: number
  /** Accepted items whose sender was answered whole. */
  answered: number
  rejected: number
  malformed: number
}

/** The record of a backend: counters, and the latest spans, log records, data points and requests. */
export interface BackendRecord {
  /** Replaced by `forget`: an answer that ends later counts where its request did. */
  readonly count: Counters
  readonly spans: readonly ReceivedSpan[]
  readonly logRecords: readonly ReceivedLogRecord[]
  readonly points: readonly ReceivedPoint[]
  readonly requests: readonly BackendRequest[]
  /** Keeps the first `accepted` items of a request. */
  keep(items: Items, accepted: number): void
  log(request: BackendRequest): void
  forget(): void
}

function append<Item>(kept: Item[], more: readonly Item[], limit: number): void {
  for (const item of more) kept.push(item)
  if (kept.length > limit) kept.splice(0, kept.length - limit)
}

const nothing = (): Counters => ({
  requests: 0,
  spanCount: 0,
  logRecordCount: 0,
  pointCount: 0,
  received: 0,
  answered: 0,
  rejected: 0,
  malformed: 0,
})

export function createRecord(itemLimit: number, requestLimit: number): BackendRecord {
  const spans: ReceivedSpan[] = []
  const logRecords: ReceivedLogRecord[] = []
  const points: ReceivedPoint[] = []
  const requests: BackendRequest[] = []
  let count = nothing()
  return {
    get count() {
      return count
    },
    spans,
    logRecords,
    points,
    requests,
    keep(items, accepted) {
      append(spans, items.spans.slice(0, accepted), itemLimit)
      append(logRecords, items.logRecords.slice(0, accepted), itemLimit)
      append(points, items.points.slice(0, accepted), itemLimit)
    },
    log(request) {
      requests.push(request)
      if (requests.length > requestLimit) requests.shift()
    },
    forget() {
      count = nothing()
      spans.length = 0
      logRecords.length = 0
      points.length = 0
      requests.length = 0
    },
  }
}
