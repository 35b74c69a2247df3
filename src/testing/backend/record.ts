import type { ReceivedPoint } from './points.ts'
import type { BackendRequest, ReceivedSpan } from './request.ts'

/** What the public counters of a backend are made of, see BackendStats. */
export interface Counters {
  requests: number
  spanCount: number
  pointCount: number
  received: number
  /** Accepted spans and data points whose sender was answered whole. */
  answered: number
  rejected: number
  malformed: number
}

/** What a backend remembers: counters, and the latest spans, data points and requests. */
export interface BackendRecord {
  /** Replaced by `forget`: an answer that ends later counts where its request did. */
  readonly count: Counters
  readonly spans: readonly ReceivedSpan[]
  readonly points: readonly ReceivedPoint[]
  readonly requests: readonly BackendRequest[]
  keepSpans(accepted: readonly ReceivedSpan[]): void
  keepPoints(accepted: readonly ReceivedPoint[]): void
  log(request: BackendRequest): void
  forget(): void
}

const nothing = (): Counters => ({
  requests: 0,
  spanCount: 0,
  pointCount: 0,
  received: 0,
  answered: 0,
  rejected: 0,
  malformed: 0,
})

export function createRecord(limit: number, requestLimit: number): BackendRecord {
  const spans: ReceivedSpan[] = []
  const points: ReceivedPoint[] = []
  const requests: BackendRequest[] = []
  const append = <Kept>(to: Kept[], accepted: readonly Kept[]): void => {
    for (const one of accepted) to.push(one)
    if (to.length > limit) to.splice(0, to.length - limit)
  }
  let count = nothing()
  return {
    get count() {
      return count
    },
    spans,
    points,
    requests,
    keepSpans: (accepted) => append(spans, accepted),
    keepPoints: (accepted) => append(points, accepted),
    log(request) {
      requests.push(request)
      if (requests.length > requestLimit) requests.shift()
    },
    forget() {
      count = nothing()
      spans.length = 0
      points.length = 0
      requests.length = 0
    },
  }
}
