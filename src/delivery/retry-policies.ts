import { type Clock, elapsed } from '../clock.ts'
import type { Batch } from './batch.ts'
import { createRetryPolicy, type Deferral, type RetryPolicy } from './retry.ts'

/** The retry policies of an exporter's endpoints: what failed at one is not waited for at another. */
export interface RetryPolicies {
  of(endpoint: number): RetryPolicy
  /** The endpoint that serves, or the only one; null: none does. */
  readonly serving: number | null
  serve(endpoint: number | null): void
  /** Returns the wait that is due at the endpoint that serves. While none serves, the breakers wait instead. */
  deferral(): Deferral | undefined
  /** How long an endpoint asked to be left alone; 0 if it did not. */
  retryAfterMs(endpoint: number): number
  /** Ends our own backoffs; a time that a backend named stays. */
  override(): void
  /** Other destinations, so many of them, owe nothing to the failures of the old ones. */
  reset(endpoints: number): void
  /** Notes that an endpoint calls the batch misdirected. True: so does every one of them. */
  misdirectedEverywhere(batch: Batch, endpoint: number, endpoints: number): boolean
}

export function createRetryPolicies(options: {
  clock: Clock
  random: () => number
  attempts: () => number
  longestMs: () => number
}): RetryPolicies {
  const { clock } = options
  const policies: RetryPolicy[] = []
  let serving: number | null = 0
  let destinations = 0
  /** Counts configurations of endpoints: what old ones said of a batch says nothing of the present ones. */
  let epoch = 1

  const of = (endpoint: number): RetryPolicy => {
    policies[endpoint] ??= createRetryPolicy({ ...options, nextDestination: () => ++destinations })
    return policies[endpoint]
  }

  return {
    of,
    get serving() {
      return serving
    },
    serve(endpoint) {
      serving = endpoint
    },
    deferral: () => (serving === null ? undefined : of(serving).deferral()),
    retryAfterMs(endpoint) {
      return Math.max(of(endpoint).retryAfterUntil() - elapsed(clock), 0)
    },
    override() {
      for (const policy of policies) policy?.override()
    },
    reset(endpoints) {
      // Among several, the failover chart says which one serves.
      if (endpoints === 1) serving = 0
      epoch += 1
      for (const policy of policies) policy?.reset()
    },
    misdirectedEverywhere(batch, endpoint, endpoints) {
      if (endpoints === 1) return true
      if (batch.misdirectedIn !== epoch) {
        batch.misdirectedIn = epoch
        batch.misdirectedAt = 0
      }
      batch.misdirectedAt |= 1 << endpoint
      return batch.misdirectedAt === (1 << endpoints) - 1
    },
  }
}
