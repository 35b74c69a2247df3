import type { BackendRequest, ReceivedSpan } from './request.ts'

/** What the public counters of a backend are made of, see BackendStats. */
export interface Counters {
  requests: number
  spanCount: number
  received: number
  /** Accepted spans whose sender was answered whole. */
  answered: number
  rejected: number
  malformed: number
}

/** What a backend remembers: counters, and the latest spans and requests. */
export interface BackendRecord {
  /** Replaced by `forget`: an answer that ends later counts where its request did. */
  readonly count: Counters
  readonly spans: readonly ReceivedSpan[]
  readonly requests: readonly BackendRequest[]
  keep(accepted: readonly ReceivedSpan[]): void
  log(request: BackendRequest): void
  forget(): void
}

const nothing = (): Counters => ({
  requests: 0,
  spanCount: 0,
  received: 0,
  answered: 0,
  rejected: 0,
  malformed: 0,
})

export function createRecord(spanLimit: number, requestLimit: number): BackendRecord {
  const spans: ReceivedSpan[] = []
  const requests: BackendRequest[] = []
  let count = nothing()
  return {
    get count() {
      return count
    },
    spans,
    requests,
    keep(accepted) {
      for (const span of accepted) spans.push(span)
      if (spans.length > spanLimit) spans.splice(0, spans.length - spanLimit)
    },
    log(request) {
      requests.push(request)
      if (requests.length > requestLimit) requests.shift()
    },
    forget() {
      count = nothing()
      spans.length = 0
      requests.length = 0
    },
  }
}
