import type { ExportResult } from '../../machines/index.ts'
import type { Outcome } from '../exporters/outcome.ts'
import type { Batch } from './batch.ts'
import type { Tally } from './endpoints.ts'
import type { Ledger } from './ledger.ts'
import type { Queue } from './queue.ts'
import type { RetryPolicies } from './retry-policies.ts'

/** How an attempt stood when it ended. */
export interface AttemptFate {
  /** Its client is still the current one. */
  readonly current: boolean
  /** We ended it. */
  readonly cut: boolean
  /** Index of the endpoint that it was sent to. */
  readonly endpoint: number
  /** How many endpoints its client has. */
  readonly endpoints: number
  /** Counters of this endpoint. */
  readonly tally: Tally
}

/**
 * Applies the outcome of an attempt to the ledger, the queue and the retry policy, and returns what the breaker is
 * told.
 */
export type Settle = (batch: Batch, outcome: Outcome, fate: AttemptFate) => ExportResult

export function createSettle({
  ledger,
  queue,
  policies,
}: {
  ledger: Ledger
  queue: Queue
  policies: RetryPolicies
}): Settle {
  /** The queue learns the size of requests from the endpoint that serves only. */
  const isServing = ({ endpoint }: AttemptFate): boolean => endpoint === (policies.serving ?? endpoint)

  const finish = (batch: Batch): void => {
    ledger.unlease(batch.weight)
    queue.release(batch.bytes)
    batch.backing?.leave(batch.items.length)
  }

  const deliver = (batch: Batch, rejectedItems: number, fate: AttemptFate): void => {
    finish(batch)
    const rejected = Math.min(rejectedItems, batch.weights.length)
    let lost = 0
    for (let i = batch.weights.length - rejected; i < batch.weights.length; i += 1)
      lost += batch.weights[i] as number
    ledger.deliver(batch.weight - lost)
    fate.tally.delivered += batch.weight - lost
    ledger.drop('rejected', lost, batch.onlySelf)
    if (!fate.current) return
    policies.of(fate.endpoint).delivered()
    if (isServing(fate)) queue.requests.accepted(batch)
  }

  const giveBack = (batch: Batch): void => {
    ledger.unlease(batch.weight)
    queue.requeue(batch)
  }

  const retryLater = (
    batch: Batch,
    { current, cut, endpoint }: AttemptFate,
    afterSeconds?: number,
  ): ExportResult => {
    // A batch that an old client could not finish is not a failure of the batch, nor of the current backend.
    if (cut || !current) {
      giveBack(batch)
      return 'cancelled'
    }
    const retry = policies.of(endpoint)
    retry.failed(afterSeconds)
    if (retry.exhausts(batch)) {
      finish(batch)
      if (batch.isPartlyTaken) ledger.addAmbiguous(batch.weight)
      ledger.drop('retries_exhausted', batch.weight, batch.onlySelf)
    } else giveBack(batch)
    return 'failure'
  }

  return (batch, outcome, fate) => {
    switch (outcome.type) {
      case 'delivered':
        if (outcome.ambiguous) ledger.addAmbiguous(Math.min(outcome.ambiguous, batch.weight))
        deliver(batch, outcome.rejected ?? 0, fate)
        return 'success'
      case 'retry':
        if (outcome.ambiguous) {
          ledger.addAmbiguous(batch.weight)
          fate.tally.ambiguous += batch.weight
          batch.isPartlyTaken = false
        }
        return retryLater(batch, fate, outcome.afterSeconds)
      case 'refused':
        finish(batch)
        if (outcome.ambiguous) ledger.addAmbiguous(batch.weight)
        ledger.drop(outcome.returned ? 'returned' : 'rejected', batch.weight, batch.onlySelf)
        return outcome.unhealthy ? 'failure' : 'neutral'
      case 'misdirected':
        // This endpoint has not taken it, so another one may.
        if (!outcome.returned && !policies.misdirectedEverywhere(batch, fate.endpoint, fate.endpoints))
          giveBack(batch)
        else {
          finish(batch)
          ledger.drop(outcome.returned ? 'returned' : 'misdirected', batch.weight, batch.onlySelf)
        }
        return 'misdirected'
      case 'too_large':
        ledger.unlease(batch.weight)
        batch.isPartlyTaken = outcome.ambiguous === true
        if (!outcome.unsent && fate.current && isServing(fate)) queue.requests.refused(batch)
        queue.split(batch)
        return outcome.unsent ? 'cancelled' : 'neutral'
      default:
        return outcome satisfies never
    }
  }
}
