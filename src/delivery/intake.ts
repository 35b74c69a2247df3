import type { TelemetryEvent } from '../bus/event.ts'
import { bytesOf, isSelfTelemetry, shownEvent } from '../bus/snapshot.ts'
import { type Clock, elapsed } from '../clock.ts'
import { withoutRejection } from '../errors.ts'
import { type DropReason, dropReasons } from '../exporters/drop-reasons.ts'
import type { AnyExporterDefinition, Config, Sink } from '../exporters/exporter.ts'
import type { Ledger } from './ledger.ts'
import type { Queue } from './queue.ts'

/** Estimated bytes of an item that does not come from one event, such as an aggregate. */
const unknownBytes = 512

/** Estimated bytes of the view of an event: the object, its two views, and the keys in them. */
const faceBytes = ({ fields }: TelemetryEvent): number => 150 + 25 * fields.length

const reasons: ReadonlySet<unknown> = new Set(dropReasons)

export interface Intake {
  /** Takes the array over, and empties it. `since`: when the first of them came, in monotonic milliseconds. */
  ingest(events: TelemetryEvent[], since: number): void
  // No getters in what runs per event: V8 calls them where it reads a plain property.
  /** Events handed in and not yet accounted for: their driver is at work. */
  underWay(): number
  /** Memory of what the driver holds, as far as it is known. */
  readonly held: { readonly bytes: number }
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
  enqueue: Queue['enqueue']
  makeRoom: Queue['makeRoom']
  onError: (error: unknown) => void
}): Intake {
  const { definition, state, ledger, clock, config, enqueue, makeRoom, onError } = options
  const pulled = definition.export === undefined
  const { weighs } = definition
  const weightOf =
    weighs &&
    ((one: TelemetryEvent): number => {
      try {
        return Math.max(whole(weighs.call(definition, one)), 1)
      } catch (error) {
        onError(error)
        return 1
      }
    })
  // Weight of the event being ingested that is not yet accounted for: 1 or what it weighs, or 0.
  let unsettled = 0
  // Events behind it.
  let behind = 0
  // Batches that a driver caused to come in while it ingests: they wait their turn.
  const line: {
    readonly events: TelemetryEvent[]
    /** Of each; undefined: each weighs 1. */
    readonly weights: readonly number[] | undefined
    readonly since: number
  }[] = []
  let busy = false
  // True if any held event is not self-telemetry.
  let heldForCaller = false
  let self = false
  const held = { bytes: 0 }
  let event: TelemetryEvent | undefined
  // Monotonic milliseconds.
  let arrivedAt = 0

  /** Takes up to `wanted` events' weight, from the event at hand first, then from what is held. */
  const claim = (wanted: number): number => {
    let claimed = 0
    if (unsettled > 0 && wanted > 0) {
      claimed = unsettled
      unsettled = 0
    }
    const rest = Math.min(Math.max(wanted - claimed, 0), ledger.held)
    if (rest > 0) {
      // The driver knows which of the held events it was; all count the same.
      held.bytes -= Math.floor((held.bytes * rest) / ledger.held)
      ledger.release(rest)
    }
    return claimed + rest
  }
  /** Estimates an item that its driver does not size: by its event, or by a constant if it has no event. */
  const estimate = (): number => {
    if (event === undefined) return unknownBytes
    return definition.ingest === undefined ? bytesOf(event) + faceBytes(event) : bytesOf(event)
  }
  const whole = (weight: unknown): number =>
    typeof weight === 'number' && weight > 0 ? Math.floor(Math.min(weight, Number.MAX_SAFE_INTEGER)) : 0

  // Plain properties: drivers read them per event, and V8 does not look through getters in all places.
  const sink: Sink & { now: number; monotonic: number; config: Config } = {
    state,
    config: config(),
    now: 0,
    monotonic: 0,
    item(item, weight = 1, bytes = 0) {
      const claimed = claim(whole(weight))
      if (pulled) {
        ledger.deliver(claimed)
        return true
      }
      const said = whole(bytes)
      return enqueue(item, claimed, arrivedAt, self, said, said > 0 ? said : estimate())
    },
    hold(bytes = 0) {
      if (unsettled === 0) return true
      const said = whole(bytes)
      const size = said > 0 ? said : estimate()
      const weight = unsettled
      unsettled = 0
      if (!pulled && !makeRoom(size)) {
        ledger.drop('queue_full', weight, self)
        return false
      }
      ledger.hold(weight)
      held.bytes += size
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
      arrivedAt = elapsed(clock)
      sink.monotonic = arrivedAt
      sink.now = clock.now()
    } catch (error) {
      // An injected clock that fails once must not hold up what comes after.
      onError(error)
    }
  }

  const ingestOne = (next: TelemetryEvent, weight: number): void => {
    behind -= weight
    unsettled = weight
    event = next
    self = isSelfTelemetry(next)
    try {
      if (definition.ingest) {
        const returned: unknown = definition.ingest(next, sink)
        if (returned !== undefined) withoutRejection(returned)
      } else {
        // Its driver reads events as applications do; copies of them show nothing internal.
        sink.item(shownEvent(next))
      }
    } catch (error) {
      onError(error)
      if (unsettled > 0) sink.drop('failed')
    }
    if (unsettled === 0) return
    const rest = unsettled
    unsettled = 0
    if (pulled) ledger.deliver(rest)
    else ledger.drop('ignored', rest, self)
  }

  return {
    ingest(events, since) {
      const weights = weightOf && events.map(weightOf)
      const weight = weights ? weights.reduce((sum, one) => sum + one, 0) : events.length
      ledger.ingest(weight)
      behind += weight
      line.push({ events, weights, since })
      if (busy) return
      busy = true
      begin()
      for (let next = line.shift(); next; next = line.shift()) {
        arrivedAt = next.since
        const { events: batch, weights: ofEach } = next
        for (let i = 0; i < batch.length; i++) ingestOne(batch[i]!, ofEach?.[i] ?? 1)
        // V8 tends to make what holds a batch in the old generation, where it would keep dead events alive for long.
        batch.length = 0
      }
      event = undefined
      busy = false
    },
    held,
    underWay: () => behind + unsettled,
    tick(reason) {
      if (!definition.tick) return
      begin()
      self = ledger.held > 0 && !heldForCaller
      try {
        withoutRejection(definition.tick(sink, reason) as unknown)
      } catch (error) {
        onError(error)
      }
      if (ledger.held === 0) heldForCaller = false
    },
    forget(reason) {
      try {
        withoutRejection(definition.forget?.(state) as unknown)
      } catch (error) {
        onError(error)
      }
      const { held: weight } = ledger
      held.bytes = 0
      ledger.release(weight)
      ledger.drop(reason, weight)
    },
  }
}
