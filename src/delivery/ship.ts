import type { BackendReport, ExportResult } from '../../machines/index.ts'
import { type Clock, elapsed } from '../clock.ts'
import type { AnyExporterDefinition, Config, ExporterContext } from '../exporters/exporter.ts'
import { startAttempt } from './attempt.ts'
import type { Batch } from './batch.ts'
import type { Clients } from './clients.ts'
import type { Ledger } from './ledger.ts'
import type { Outcome } from './outcome.ts'
import type { Queue } from './queue.ts'
import type { RetryPolicy } from './retry.ts'
import type { Settle } from './settle.ts'

/** A failed attempt, for the status and for self-telemetry. */
export interface ExportFailure {
  readonly type: Outcome['type']
  readonly cause: unknown
  readonly weight: number
  /** The batch held nothing but self-telemetry: its failure is counted only, or two exporters would feed each other. */
  readonly onlySelf: boolean
}

/** Attempts to export a batch so far, and how long they took together. */
export interface ExportAttempts {
  readonly count: number
  readonly seconds: number
}

/** Takes batches out of the queue and makes attempts of them. */
export interface Ship {
  /** One wave: `limit` batches that are due, at once. Never rejects. */
  wave(limit: number): Promise<BackendReport>
  /** One attempt for each batch there is, `limit` at once; with `probe` the first must arrive before the rest is tried. */
  drain(limit: number, options: { probe: boolean; timeLeftMs: () => number }): Promise<BackendReport>
  /** Position before which every item is settled. */
  settledBefore(): number
  /** The latest attempt carried nothing but self-telemetry. */
  readonly latestWasSelf: boolean
  readonly attempts: ExportAttempts
}

/** The batch a driver gets is a list of its own: what it does to the list changes nothing here. */
const copyOf = (items: readonly unknown[]): unknown[] => items.slice()

export function createShip(options: {
  definition: AnyExporterDefinition
  context: ExporterContext<unknown>
  clock: Clock
  ledger: Ledger
  queue: Queue
  retry: RetryPolicy
  settle: Settle
  clients: Clients
  config: () => Config
  random: () => number
  onError: (error: unknown) => void
  onFailure: (failure: ExportFailure) => void
  /** A batch has left the exporter or come back to the queue. `current`: by way of the current client. */
  onSettled: (current: boolean) => void
  /** A further batch should go now, beside those of a wave already taken. */
  isDue: () => boolean
}): Ship {
  const { definition, context, clock, ledger, queue, retry, settle, clients, config, random, isDue } = options
  const { onError, onFailure, onSettled } = options
  const leases = new Set<Batch>()
  let attempts = 0
  let attemptedMs = 0
  let round = 0
  let latestWasSelf = false
  /** The latest batch was split before the backend was spoken to: its halves are yet to be tried. */
  let splitUnsent = false

  const reportOf = (results: readonly ExportResult[]): BackendReport => ({
    results,
    at: elapsed(clock),
    jitter: random(),
  })

  const ship = async (batch: Batch, timeoutMs: number): Promise<ExportResult> => {
    const slot = clients.current
    if (!slot || !definition.export) {
      leases.delete(batch)
      ledger.unlease(batch.weight)
      queue.requeue(batch)
      return 'cancelled'
    }
    let cut = false
    const attempt = startAttempt(
      ({ signal, deadline }) =>
        definition.export?.(slot.client, copyOf(batch.items), {
          ...context,
          signal,
          deadline,
          config: config(),
        }),
      { clock, timeoutMs, onError },
    )
    const running = {
      settled: attempt.outcome,
      cut: () => {
        cut = true
        attempt.cut()
      },
    }
    slot.running.add(running)
    const begun = elapsed(clock)
    const outcome = await attempt.outcome
    attempts += 1
    attemptedMs += elapsed(clock) - begun
    slot.running.delete(running)
    leases.delete(batch)
    latestWasSelf = batch.onlySelf
    const current = slot === clients.current
    splitUnsent = outcome.type === 'too_large' && outcome.unsent === true
    const result = settle(batch, outcome, { current, cut })
    if (outcome.type === 'delivered') {
      if (outcome.cause !== undefined) onError(outcome.cause)
    } else if ('cause' in outcome && !cut)
      onFailure({
        type: outcome.type,
        cause: outcome.cause,
        weight: batch.weight,
        onlySelf: batch.onlySelf,
      })
    onSettled(current)
    return result
  }

  const timeoutMs = (): number => Number(config().timeout) * 1000

  /** In flight from the moment it leaves the queue: a reader in between finds it in one of the two. */
  const lease = (batch: Batch | undefined): Batch | undefined => {
    if (!batch) return undefined
    leases.add(batch)
    ledger.lease(batch.weight)
    return batch
  }

  const takeUpTo = (limit: number): Batch[] => {
    const batches: Batch[] = []
    while (batches.length < limit && (batches.length === 0 || isDue())) {
      const batch = lease(queue.take())
      if (!batch) break
      batches.push(batch)
    }
    return batches
  }

  return {
    async wave(limit) {
      const results: ExportResult[] = []
      retry.beginWave()
      const atOnce = queue.requests.searching ? 1 : limit
      await Promise.all(
        takeUpTo(atOnce).map((batch) => ship(batch, timeoutMs()).then((result) => results.push(result))),
      )
      return reportOf(results)
    },
    async drain(limit, { probe, timeLeftMs }) {
      const results: ExportResult[] = []
      round += 1
      const one = async (): Promise<ExportResult | undefined> => {
        const left = timeLeftMs()
        const batch = left > 0 ? lease(queue.takeUntried(round)) : undefined
        if (!batch) return undefined
        const result = await ship(batch, Math.min(timeoutMs(), left))
        results.push(result)
        return result
      }
      const worker = async (): Promise<void> => {
        while ((await one()) !== undefined);
      }
      if (probe) {
        let result = await one()
        while (result === 'cancelled' && splitUnsent) result = await one()
        if (result !== 'success' && result !== 'neutral') return reportOf(results)
      }
      // In-flight attempts count against the limit, but one worker goes on, so that hung ones cannot block the drain.
      const underWay = clients.running()
      await Promise.all([
        ...Array.from({ length: Math.max(limit - underWay.length, 1) }, worker),
        ...underWay.map((settled) => settled.then(worker)),
      ])
      return reportOf(results)
    },
    settledBefore() {
      let position = queue.taken()
      for (const batch of leases) position = Math.min(position, batch.firstPosition)
      return position
    },
    get latestWasSelf() {
      return latestWasSelf
    },
    get attempts() {
      return { count: attempts, seconds: attemptedMs / 1000 }
    },
  }
}
