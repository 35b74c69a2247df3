import type { ExportResult } from '../../machines/index.ts'
import { type Clock, elapsed } from '../clock.ts'
import type { AnyExporterDefinition, Config, ExporterContext } from '../exporters/exporter.ts'
import type { Outcome } from '../exporters/outcome.ts'
import { type Attempt, startAttempt } from './attempt.ts'
import { withSignal } from './attempt-abort.ts'
import type { Batch } from './batch.ts'
import type { Clients } from './clients.ts'
import { endpointConfig } from './endpoints.ts'
import type { Ledger } from './ledger.ts'
import type { Queue } from './queue.ts'
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
  /** The next batch, in flight from the moment it leaves the queue: a reader in between finds it in one of the two. */
  take(): Batch | undefined
  /** The next batch that was not tried in this round of a drain. */
  takeUntried(round: number): Batch | undefined
  /** One attempt at an endpoint, within `timeout` and within `timeLeftMs`. Never rejects. */
  send(batch: Batch, endpoint: number, timeLeftMs?: number): Promise<ExportResult>
  /** Position before which every item is settled. */
  settledBefore(): number
  /** The batches in flight. */
  readonly leases: ReadonlySet<Batch>
  /** The latest batch was split before the backend was spoken to: its halves are yet to be tried. */
  readonly splitUnsent: boolean
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
  settle: Settle
  clients: Clients
  config: () => Config
  onError: (error: unknown) => void
  onFailure: (failure: ExportFailure) => void
  /** A batch has left the exporter or come back to the queue. `current`: by way of the current client. */
  onSettled: (current: boolean, endpoint: number) => void
}): Ship {
  const { definition, context, clock, ledger, queue, settle, clients, config } = options
  const { onError, onFailure, onSettled } = options
  const leases = new Set<Batch>()
  let attempts = 0
  let attemptedMs = 0
  let latestWasSelf = false
  let splitUnsent = false

  /** Back to the queue, without an outcome. */
  const giveBack = (batch: Batch): void => {
    if (!leases.delete(batch)) return
    ledger.unlease(batch.weight)
    queue.requeue(batch)
  }

  const attemptOf = async (batch: Batch, endpoint: number, timeoutMs: number): Promise<ExportResult> => {
    const slot = clients.current
    const member = slot?.members[endpoint]
    if (!slot || !member || !definition.export) {
      giveBack(batch)
      return 'cancelled'
    }
    let cut = false
    const begun = elapsed(clock)
    const start = (withinMs: number): Attempt =>
      startAttempt(
        (abort, deadline) => {
          // Field by field: of a spread V8 would make each context a hidden class of its own.
          const { id, logger, state } = context
          const { weight } = batch
          const settings = endpointConfig(definition, config(), endpoint)
          const told = { id, clock, logger, state, deadline, weight, config: settings }
          return definition.export?.(member.client, copyOf(batch.items), withSignal(told, abort))
        },
        { clock, timeoutMs: withinMs, onError },
      )
    let attempt = start(timeoutMs)

    /** A stale connection says nothing of the backend: the batch is sent once more, within the same time. */
    const settled = attempt.outcome.then((outcome) => {
      if (outcome.type !== 'retry' || !outcome.stale || cut || slot !== clients.current) return outcome
      if (outcome.ambiguous) {
        ledger.addAmbiguous(batch.weight)
        member.tally.ambiguous += batch.weight
      }
      attempt = start(timeoutMs - (elapsed(clock) - begun))
      return attempt.outcome
    })
    const running = {
      endpoint,
      settled,
      cut: () => {
        cut = true
        attempt.cut()
      },
    }
    slot.running.add(running)
    const outcome = await settled
    slot.running.delete(running)
    attempts += 1
    attemptedMs += elapsed(clock) - begun
    latestWasSelf = batch.onlySelf
    const current = slot === clients.current
    splitUnsent = outcome.type === 'too_large' && outcome.unsent === true
    const { members } = slot
    const { tally } = member
    const result = settle(batch, outcome, { current, cut, endpoint, endpoints: members.length, tally })
    leases.delete(batch)
    if (outcome.type === 'delivered') {
      if (outcome.cause !== undefined) onError(outcome.cause)
    } else if ('cause' in outcome && !cut)
      onFailure({
        type: outcome.type,
        cause: outcome.cause,
        weight: batch.weight,
        onlySelf: batch.onlySelf,
      })
    onSettled(current, endpoint)
    return result
  }

  const timeoutMs = (): number => Number(config().timeout) * 1000

  const lease = (batch: Batch | undefined): Batch | undefined => {
    if (!batch) return undefined
    leases.add(batch)
    ledger.lease(batch.weight)
    batch.attempts += 1
    if (batch.doubtful) {
      batch.doubtful = false
      ledger.addAmbiguous(batch.weight)
    }
    return batch
  }

  return {
    take: () => lease(queue.take()),
    takeUntried: (round) => lease(queue.takeUntried(round)),
    send: (batch, endpoint, timeLeftMs = Number.POSITIVE_INFINITY) =>
      attemptOf(batch, endpoint, Math.min(timeoutMs(), timeLeftMs)).catch((error): ExportResult => {
        // An injected clock may throw.
        onError(error)
        giveBack(batch)
        return 'failure'
      }),
    settledBefore() {
      let position = queue.taken()
      for (const batch of leases) position = Math.min(position, batch.firstPosition)
      return position
    },
    leases,
    get splitUnsent() {
      return splitUnsent
    },
    get latestWasSelf() {
      return latestWasSelf
    },
    get attempts() {
      return { count: attempts, seconds: attemptedMs / 1000 }
    },
  }
}
