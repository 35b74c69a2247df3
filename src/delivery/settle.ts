import type { ExportResult } from '../../machines/index.ts'
import type { Outcome } from '../exporters/outcome.ts'
import type { Batch } from './batch.ts'
import type { Ledger } from './ledger.ts'
import type { Queue } from './queue.ts'
import type { RetryPolicy } from './retry.ts'

/** How an attempt stood when it ended. */
export interface AttemptFate {
  /** Its client is still the current one. */
  readonly current: boolean
  /** We ended it. */
  readonly cut: boolean
}

/** What the outcome of an attempt means for the ledger, the queue, the retry policy and the breaker. */
export type Settle = (batch: Batch, outcome: Outcome, fate: AttemptFate) => ExportResult

export function createSettle({
  ledger,
  queue,
  retry,
}: {
  ledger: Ledger
  queue: Queue
  retry: RetryPolicy
}): Settle {
  const finish = (batch: Batch): void => {
    ledger.unlease(batch.weight)
    queue.release(batch.bytes)
    batch.backing?.leave(batch.items.length)
  }

  const deliver = (batch: Batch, rejectedItems: number, { current }: AttemptFate): void => {
    finish(batch)
    const rejected = Math.min(rejectedItems, batch.weights.length)
    let lost = 0
    for (let i = batch.weights.length - rejected; i < batch.weights.length; i += 1)
      lost += batch.weights[i] as number
    ledger.deliver(batch.weight - lost)
    ledger.drop('rejected', lost, batch.onlySelf)
    if (!current) return
    retry.delivered()
    queue.requests.accepted(batch)
  }

  const retryLater = (batch: Batch, { current, cut }: AttemptFate, afterSeconds?: number): ExportResult => {
    // What an old client could not finish is no failure of the batch, nor of the backend that is current now.
    if (cut || !current) {
      ledger.unlease(batch.weight)
      queue.requeue(batch)
      return 'cancelled'
    }
    retry.failed(afterSeconds)
    if (retry.exhausts(batch)) {
      finish(batch)
      ledger.drop('retries_exhausted', batch.weight, batch.onlySelf)
    } else {
      ledger.unlease(batch.weight)
      queue.requeue(batch)
    }
    return 'failure'
  }

  return (batch, outcome, fate) => {
    switch (outcome.type) {
      case 'delivered':
        deliver(batch, outcome.rejected ?? 0, fate)
        return 'success'
      case 'retry':
        if (outcome.ambiguous) ledger.addAmbiguous(batch.weight)
        return retryLater(batch, fate, outcome.afterSeconds)
      case 'refused':
        finish(batch)
        ledger.drop('rejected', batch.weight, batch.onlySelf)
        return outcome.unhealthy ? 'failure' : 'neutral'
      case 'misdirected':
        finish(batch)
        ledger.drop('misdirected', batch.weight, batch.onlySelf)
        return 'misdirected'
      case 'too_large':
        ledger.unlease(batch.weight)
        if (!outcome.unsent && fate.current) queue.requests.refused(batch)
        queue.split(batch)
        return outcome.unsent ? 'cancelled' : 'neutral'
      default:
        return outcome satisfies never
    }
  }
}
