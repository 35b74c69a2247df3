import type { TelemetryEvent } from '../bus/event.ts'
import { isSelfTelemetry } from '../bus/snapshot.ts'
import type { Clock } from '../clock.ts'
import type { AnyExporterDefinition, Config, Sink } from '../exporters/exporter.ts'
import { type DropReason, dropReasons, type Ledger } from './ledger.ts'

/** Where items go that the driver made of events; false: there was no room. */
export type Enqueue = (item: unknown, weight: number, at: number, self: boolean, bytes: number) => boolean

const reasons: ReadonlySet<unknown> = new Set(dropReasons)

export interface Intake {
  /** Takes the array over, and empties it. */
  ingest(events: TelemetryEvent[]): void
  /** Events handed in and not yet accounted for: their driver is at work. */
  readonly underWay: number
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
  // Events behind it.
  let behind = 0
  // Batches that a driver caused to come in while it ingests: they wait their turn.
  const line: TelemetryEvent[][] = []
  let busy = false
  // What is held stems from more than self-telemetry.
  let heldForCaller = false
  let self = false

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

  // Plain properties: drivers read them per event, and V8 does not look through getters in all places.
  const sink: Sink & { now: number; config: Config } = {
    state,
    config: config(),
    now: 0,
    item(item, weight = 1, bytes = 0) {
      const claimed = claim(whole(weight))
      if (!pulled) return enqueue(item, claimed, sink.now, self, whole(bytes))
      ledger.deliver(claimed)
      return true
    },
    hold() {
      if (unsettled === 0) return true
      unsettled = 0
      ledger.hold(1)
      if (!self) heldForCaller = true
      return true
    },
    drop(reason, weight = 1) {
      ledger.drop(reasons.has(reason) ? reason : 'failed', claim(whole(weight)), self)
    },
  }

  const begin = (): void => {
    sink.config = config()
    try {
      sink.now = clock.now()
    } catch (error) {
      // An injected clock that fails once must not hold up what comes after.
      onError(error)
    }
  }

  const ingestOne = (event: TelemetryEvent): void => {
    behind -= 1
    unsettled = 1
    self = isSelfTelemetry(event)
    try {
      if (definition.ingest) definition.ingest(event, sink)
      else sink.item(event)
    } catch (error) {
      onError(error)
      if (unsettled > 0) sink.drop('failed')
    }
    if (unsettled === 0) return
    unsettled = 0
    if (pulled) ledger.deliver(1)
    else ledger.drop('ignored', 1, self)
  }

  return {
    ingest(events) {
      ledger.ingest(events.length)
      behind += events.length
      line.push(events)
      if (busy) return
      busy = true
      begin()
      for (let next = line.shift(); next; next = line.shift()) {
        for (const event of next) ingestOne(event)
        // V8 tends to make what holds a batch in the old generation, where it would keep dead events alive for long.
        next.length = 0
      }
      busy = false
    },
    get underWay() {
      return behind + unsettled
    },
    tick(reason) {
      if (!definition.tick) return
      begin()
      self = ledger.held > 0 && !heldForCaller
      try {
        definition.tick(sink, reason)
      } catch (error) {
        onError(error)
      }
      if (ledger.held === 0) heldForCaller = false
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
