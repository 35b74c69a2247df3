import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ExportResult, WaveReport } from '../../machines/index.ts'
import { type Clock, elapsed } from '../clock.ts'
import type { AnyExporterDefinition, Config, ExporterContext } from '../exporters/exporter.ts'
import { startAttempt } from './attempt.ts'
import type { Backlog, Batch } from './backlog.ts'
import { backoffMs, exportBackoff, retryAfterMs } from './backoff.ts'
import type { Clients } from './clients.ts'
import type { Ledger } from './ledger.ts'
import type { Outcome } from './outcome.ts'

/** A failed attempt, for the status and for self-telemetry. */
export interface ExportFailure {
  readonly type: Outcome['type']
  readonly cause: unknown
  readonly weight: number
  /** The batch held nothing but self-telemetry: its failure is counted only, or two exporters would feed each other. */
  readonly onlySelf: boolean
}

export interface Shipping {
  /** One wave: `limit` batches at once. Never rejects. */
  wave(limit: number): Promise<WaveReport>
  /** One attempt for each batch there is, `limit` at once; with `probe` the first must arrive before the rest is tried. */
  drain(limit: number, options: { probe: boolean; timeLeftMs: () => number }): Promise<WaveReport>
  readonly cooling: boolean
  msUntilRetry(): number
  /** A new destination owes nothing to the old one's failures. */
  hurry(): void
  /** Position before which every item is settled. */
  settledBefore(): number
  readonly inFlight: number
  /** The latest attempt carried nothing but self-telemetry. */
  readonly latestWasSelf: boolean
  readonly attempts: ExportAttempts
}

/** Attempts to export a batch so far, and how long they took together. */
export interface ExportAttempts {
  readonly count: number
  readonly seconds: number
}

export function createShipping(options: {
  definition: AnyExporterDefinition
  context: ExporterContext<unknown>
  clock: Clock
  ledger: Ledger
  backlog: Backlog
  clients: Clients
  config: () => Config
  random: () => number
  onFailure: (failure: ExportFailure) => void
  /** A batch has left the exporter, one way or another. */
  onSettled: () => void
  /** A further batch should go now, beside those of a wave already taken. */
  isDue: () => boolean
}): Shipping {
  const { definition, context, clock, ledger, backlog, clients, config, random, isDue } = options
  const { onFailure, onSettled } = options
  const leases = new Set<Batch>()
  let deliveries = 0
  let consecutiveFailures = 0
  let retryAt = 0
  /** Drawn at the first failure of a wave: the batches of a wave fail together, and count once. */
  let waveBackoffMs: number | undefined
  let attempts = 0
  let attemptedMs = 0
  let round = 0
  let unhurried = false
  let latestWasSelf = false
  /** The latest batch was split before the backend was spoken to: its halves are yet to be tried. */
  let splitUnsent = false

  /** Backs off, but never past the moment at which the breaker would let a probe through. */
  const coolDown = (afterSeconds: number | undefined): void => {
    if (waveBackoffMs === undefined) {
      consecutiveFailures += 1
      const longestMs = Math.min(exportBackoff.longestMs, Number(config().reset_timeout) * 1000)
      waveBackoffMs = backoffMs(consecutiveFailures, random(), { ...exportBackoff, longestMs })
    }
    retryAt = Math.max(retryAt, clock.now() + (retryAfterMs(afterSeconds) ?? waveBackoffMs))
  }

  const requeueOrGiveUp = (batch: Batch): void => {
    if (batch.failures === 0) batch.deliveriesAtFirstFailure = deliveries
    batch.failures += 1
    const isPoison = deliveries > batch.deliveriesAtFirstFailure
    if (isPoison && batch.failures > Number(config().retry_attempts))
      ledger.drop('retries_exhausted', batch.weight, batch.onlySelf)
    else backlog.requeue(batch)
  }

  /** What an outcome means for the ledger, the queue and the breaker. `own`: the client is still the current one. */
  const settle = (batch: Batch, outcome: Outcome, own: boolean, cut: boolean): ExportResult => {
    ledger.unlease(batch.weight)
    splitUnsent = false
    switch (outcome.type) {
      case 'delivered': {
        deliveries += 1
        consecutiveFailures = 0
        waveBackoffMs = undefined
        const rejected = Math.min(outcome.rejected ?? 0, batch.items.length)
        const lost = batch.weights
          .slice(batch.items.length - rejected)
          .reduce((sum, weight) => sum + weight, 0)
        ledger.deliver(batch.weight - lost)
        ledger.drop('rejected', lost, batch.onlySelf)
        return 'success'
      }
      case 'retry': {
        if (outcome.ambiguous) ledger.doubt(batch.weight)
        if (cut || !own) {
          backlog.requeue(batch)
          return 'cancelled'
        }
        requeueOrGiveUp(batch)
        coolDown(outcome.afterSeconds)
        return 'failure'
      }
      case 'refused':
        ledger.drop('rejected', batch.weight, batch.onlySelf)
        return outcome.unhealthy ? 'failure' : 'neutral'
      case 'misdirected':
        ledger.drop('misdirected', batch.weight, batch.onlySelf)
        return 'misdirected'
      case 'too_large':
        backlog.split(batch)
        splitUnsent = outcome.unsent === true
        return splitUnsent ? 'cancelled' : 'neutral'
      default:
        return outcome satisfies never
    }
  }

  const ship = async (batch: Batch, timeoutMs: number): Promise<ExportResult> => {
    const slot = clients.current
    if (!slot || !definition.export) {
      leases.delete(batch)
      ledger.unlease(batch.weight)
      backlog.requeue(batch)
      return 'cancelled'
    }
    let cut = false
    const attempt = startAttempt(
      ({ signal, deadline }) =>
        definition.export?.(slot.client, batch.items, {
          ...context,
          signal,
          deadline,
          config: config(),
        }),
      { clock, timeoutMs },
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
    const result = settle(batch, outcome, slot === clients.current, cut)
    if ('cause' in outcome && !cut)
      onFailure({
        type: outcome.type,
        cause: outcome.cause,
        weight: batch.weight,
        onlySelf: batch.onlySelf,
      })
    onSettled()
    return result
  }

  const timeoutMs = (): number => Number(config().timeout) * 1000

  /** In flight from the moment it leaves the queue: whoever looks in between finds it in one of the two. */
  const lease = (batch: Batch | undefined): Batch | undefined => {
    if (!batch) return undefined
    leases.add(batch)
    ledger.lease(batch.weight)
    return batch
  }

  const takeUpTo = (limit: number): Batch[] => {
    const batches: Batch[] = []
    while (batches.length < limit && (batches.length === 0 || isDue())) {
      const batch = lease(backlog.take())
      if (!batch) break
      batches.push(batch)
    }
    return batches
  }

  return {
    async wave(limit) {
      const results: ExportResult[] = []
      waveBackoffMs = undefined
      if (unhurried) {
        unhurried = false
        const before = round
        await nextTurn()
        // A drain has begun: it takes what there is.
        if (round !== before) return { results }
      }
      await Promise.all(
        takeUpTo(limit).map((batch) => ship(batch, timeoutMs()).then((result) => results.push(result))),
      )
      return { results }
    },
    async drain(limit, { probe, timeLeftMs }) {
      const results: ExportResult[] = []
      round += 1
      const one = async (): Promise<ExportResult | undefined> => {
        const left = timeLeftMs()
        const batch = left > 0 ? lease(backlog.takeUntried(round)) : undefined
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
        if (result !== 'success' && result !== 'neutral') return { results }
      }
      // What a wave left under way keeps its place; yet one worker goes on beside it, or hung attempts would cost the backlog.
      const underWay = [...(clients.current?.running ?? [])]
      await Promise.all([
        ...Array.from({ length: Math.max(limit - underWay.length, 1) }, worker),
        ...underWay.map(({ settled }) => settled.then(worker)),
      ])
      return { results }
    },
    get cooling() {
      return retryAt > clock.now()
    },
    msUntilRetry: () => Math.max(retryAt - clock.now(), 0),
    hurry() {
      retryAt = 0
      consecutiveFailures = 0
      // The change that brought it is answered before the backlog is encoded.
      unhurried = true
      backlog.hurry()
    },
    settledBefore() {
      let position = backlog.taken()
      for (const batch of leases) position = Math.min(position, batch.firstPosition)
      return position
    },
    get inFlight() {
      return leases.size
    },
    get latestWasSelf() {
      return latestWasSelf
    },
    get attempts() {
      return { count: attempts, seconds: attemptedMs / 1000 }
    },
  }
}
