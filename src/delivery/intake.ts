import type { TelemetryEvent } from '../bus/event.ts'
import { isSelfTelemetry } from '../bus/snapshot.ts'
import type { Clock } from '../clock.ts'
import type { AnyExporterDefinition, Config, Sink } from '../exporters/exporter.ts'
import type { DropReason, Ledger } from './ledger.ts'

/** Where items go that the driver made of events. */
export type Enqueue = (item: unknown, weight: number, at: number, self: boolean) => void

export interface Intake {
  ingest(events: readonly TelemetryEvent[]): void
  tick(reason: 'interval' | 'flush'): void
  /** The driver forgets what it holds; its weight is counted under `reason`. */
  forget(reason: DropReason): void
}

/**
 * Runs a driver's `ingest` over events and keeps the ledger exact whatever the driver does: an event is
 * turned into items, held, or dropped, with its weight in exactly one of these places.
 */
export function createIntake(options: {
  definition: AnyExporterDefinition
  state: unknown
  ledger: Ledger
  clock: Clock
  config: () => Config
  enqueue: Enqueue
  onError: (error: unknown) => void
}): Intake {
  const { definition, state, ledger, clock, config, enqueue, onError } = options
  const pulled = definition.export === undefined
  // Weight of the event being ingested that is not yet accounted for: 1, or 0.
  let unsettled = 0
  let self = false
  let now = 0
  let inForce: Config = config()

  /** Takes up to `wanted` events' weight, from the event at hand first, then from what is held. */
  const claim = (wanted: number): number => {
    let claimed = 0
    if (unsettled > 0 && wanted > 0) {
      claimed = unsettled
      unsettled = 0
    }
    const rest = Math.min(Math.max(wanted - claimed, 0), ledger.held)
    if (rest > 0) ledger.release(rest)
    return claimed + rest
  }
  const whole = (weight: unknown): number =>
    typeof weight === 'number' && weight > 0 ? Math.floor(Math.min(weight, Number.MAX_SAFE_INTEGER)) : 0

  const sink: Sink = {
    get state() {
      return state
    },
    get config() {
      return inForce
    },
    get now() {
      return now
    },
    item(item, weight = 1) {
      const claimed = claim(whole(weight))
      if (pulled) ledger.deliver(claimed)
      else enqueue(item, claimed, now, self)
    },
    hold() {
      if (unsettled === 0) return
      unsettled = 0
      ledger.hold(1)
    },
    drop(reason, weight = 1) {
      ledger.drop(reason, claim(whole(weight)))
    },
  }

  const begin = (): void => {
    now = clock.now()
    inForce = config()
  }

  return {
    ingest(events) {
      begin()
      ledger.ingest(events.length)
      for (const event of events) {
        unsettled = 1
        self = isSelfTelemetry(event)
        try {
          if (definition.ingest) definition.ingest(event, sink)
          else sink.item(event)
        } catch (error) {
          onError(error)
          if (unsettled > 0) sink.drop('failed')
        }
        if (unsettled === 0) continue
        unsettled = 0
        if (pulled) ledger.deliver(1)
        else ledger.drop('ignored', 1)
      }
    },
    tick(reason) {
      if (!definition.tick) return
      begin()
      self = false
      try {
        definition.tick(sink, reason)
      } catch (error) {
        onError(error)
      }
    },
    forget(reason) {
      try {
        definition.forget?.(state)
      } catch (error) {
        onError(error)
      }
      const { held } = ledger
      ledger.release(held)
      ledger.drop(reason, held)
    },
  }
}
