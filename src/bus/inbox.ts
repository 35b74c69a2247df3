import { type Clock, elapsed } from '../clock.ts'
import { TelemetryError } from '../errors.ts'
import type { TelemetryEvent } from './event.ts'
import { anyOf, checkedPatterns } from './handlers.ts'
import { outside } from './scope.ts'
import { bytesOf } from './snapshot.ts'

/** One exporter's side of the bus: events wait here for a moment, then go over as one array. */
export interface Inbox {
  /** From now on receives the events that match; replaces earlier patterns. @throws TelemetryError `PATTERN_INVALID`. */
  subscribe(patterns: readonly string[], options?: SubscribeOptions): void
  /** Receives no more; what still waits is handed over first. */
  unsubscribe(): void
  /** Hands over what waits, now. */
  flush(): void
  /** Events that wait: `pending.buffered` of the exporter's ledger. */
  readonly size: number
  /** Unsubscribes and frees the id. */
  remove(): void
}

export interface SubscribeOptions {
  /** Restricts the events that match to names for which it returns true. Called once per name. */
  readonly accepts?: ((name: string) => boolean) | undefined
  /** The receiver does not read `time`: that of the first event since the last hand-over will do. Default false. */
  readonly ignoresTime?: boolean | undefined
  /** The receiver does not read `scope`. Default false. */
  readonly ignoresScope?: boolean | undefined
  /** The receiver does nothing until it is asked, and then flushes the inbox: events may wait a little longer. Default false. */
  readonly pulled?: boolean | undefined
  /** This many events go over on the next turn, without waiting longer. Default 512. */
  readonly handOverAt?: number | undefined
}

/** Takes events over. `since`: when the first of them came in, in monotonic milliseconds. */
export type Deliver = (events: TelemetryEvent[], since: number) => void

/** The bus's side of an inbox. */
export interface InboxState {
  readonly id: string
  readonly deliver: Deliver
  matches: ((name: string) => boolean) | undefined
  ignoresTime: boolean
  ignoresScope: boolean
  waiting: TelemetryEvent[]
  /** Bytes of what waits. */
  bytes: number
  /** When the first of what waits came in. */
  since: number
  handOverAt: number
  delivering: boolean
  pace: Pace
  /** Something waits, and the timer of its pace hands it over. */
  listed: boolean
}

/** Inboxes that share a timer. */
interface Pace {
  listed: InboxState[]
  timerSet: boolean
  afterMs(): number
}

export interface InboxTable {
  /** @throws TelemetryError `INBOX_EXISTS`. */
  add(id: string, deliver: Deliver): Inbox
  matching(name: string): InboxState[]
  put(inbox: InboxState, event: TelemetryEvent): void
  /**
   * Puts an event into the inbox of this id, regardless of patterns. Returns false if no such inbox exists, or it is
   * not subscribed.
   */
  offer(id: string, event: TelemetryEvent): boolean
  /** Hands over all of them, now. */
  flush(): void
  /** Has `endOfTurn` run when the event loop next comes round. */
  schedule(): void
  readonly size: number
}

/** How long an event waits in an inbox when none came shortly before, unless the event loop is blocked. Milliseconds. */
export const handOverAfterMs = 10
/**
 * How long events wait while they keep coming. Waking an idle event loop every 10 ms costs a service with 1,000
 * requests/s a third of what telemetry adds to a request.
 */
export const steadyHandOverAfterMs = 50
/**
 * How long events wait for a receiver that is asked for them, unless others are handed over before. Much longer, and they
 * would survive into V8's old generation.
 */
const pulledHandOverAfterMs = 250
/** An inbox that holds so many events or bytes hands them over at once, in the middle of a turn. */
export const handOverNowAt = 4096
const handOverNowBytes = 1024 * 1024
const defaultHandOverAt = 512

export interface InboxTableOptions {
  readonly clock: Clock
  readonly onChange: () => void
  readonly onThrow: (inbox: InboxState, thrown: unknown) => void
  /** Runs at the end of a turn for which it was scheduled. */
  readonly endOfTurn: () => void
  /** Runs before inboxes are handed over. */
  readonly beforeHandOver: () => void
}

export function createInboxTable({
  clock,
  onChange,
  onThrow,
  endOfTurn,
  beforeHandOver,
}: InboxTableOptions): InboxTable {
  const inboxes = new Map<string, InboxState>()
  let full: InboxState[] = []
  let reportsDue = false
  let turnScheduled = false
  let handedOverAt = Number.NEGATIVE_INFINITY

  const monotonic = (): number => {
    try {
      return elapsed(clock)
    } catch {
      return 0
    }
  }

  const quick: Pace = {
    listed: [],
    timerSet: false,
    afterMs: () =>
      monotonic() - handedOverAt <= steadyHandOverAfterMs ? steadyHandOverAfterMs : handOverAfterMs,
  }
  const slow: Pace = { listed: [], timerSet: false, afterMs: () => pulledHandOverAfterMs }

  // Deliveries start requests and timers, which belong to no span or request of the application.
  const flush = (): void =>
    outside(() => {
      handOverListed(quick)
      handOverListed(slow)
    })

  const scheduleTurn = (): void => {
    if (turnScheduled) return
    turnScheduled = true
    setImmediate(turn)
  }

  const turn = (): void => {
    turnScheduled = false
    if (reportsDue) {
      reportsDue = false
      outside(endOfTurn)
    }
    if (full.length > 0) outside(handOverFull)
  }

  const setTimer = (pace: Pace): void => {
    try {
      clock.setTimeout(() => {
        pace.timerSet = false
        if (pace === quick) handedOverAt = monotonic()
        flush()
      }, pace.afterMs())
      pace.timerSet = true
    } catch {
      // A clock that fails must not keep events back.
      setImmediate(flush)
    }
  }

  /** The timer runs on by itself, and is not set again while nothing comes in. */
  const list = (inbox: InboxState): void => {
    const { pace } = inbox
    inbox.listed = true
    pace.listed.push(inbox)
    if (!pace.timerSet && !quick.timerSet) outside(() => setTimer(pace))
  }

  const handOverListed = (pace: Pace): void => {
    beforeHandOver()
    const due = pace.listed
    pace.listed = []
    for (const inbox of due) {
      inbox.listed = false
      if (inbox.delivering) list(inbox)
      else handOver(inbox)
    }
  }

  const handOverFull = (): void => {
    beforeHandOver()
    const due = full
    full = []
    for (const inbox of due) handOver(inbox)
  }

  /**
   * The array changes hands, so nothing is copied. What `deliver` itself emits waits for the next turn: order is kept,
   * and no exporter can recurse into itself.
   */
  const handOver = (inbox: InboxState): void => {
    if (inbox.delivering || inbox.waiting.length === 0) return
    const events = inbox.waiting
    inbox.waiting = []
    inbox.bytes = 0
    inbox.delivering = true
    try {
      inbox.deliver(events, inbox.since)
    } catch (thrown) {
      onThrow(inbox, thrown)
    } finally {
      inbox.delivering = false
    }
  }

  const put = (inbox: InboxState, event: TelemetryEvent): void => {
    const { waiting } = inbox
    // push() on an empty array makes V8 specialise for small integers, and then deoptimise.
    const count = waiting.length + 1
    waiting[count - 1] = event
    inbox.bytes += bytesOf(event)
    if (count === 1) inbox.since = monotonic()
    if (!inbox.listed) list(inbox)
    if (count === inbox.handOverAt) {
      full.push(inbox)
      scheduleTurn()
    }
    if (count >= handOverNowAt || inbox.bytes >= handOverNowBytes) outside(() => handOver(inbox))
  }

  return {
    add: (id, deliver) => {
      if (inboxes.has(id)) throw new TelemetryError('INBOX_EXISTS', `an inbox '${id}' exists already`)
      const inbox: InboxState = {
        id,
        deliver,
        matches: undefined,
        ignoresTime: false,
        ignoresScope: false,
        waiting: [],
        bytes: 0,
        since: 0,
        handOverAt: defaultHandOverAt,
        delivering: false,
        pace: quick,
        listed: false,
      }
      inboxes.set(id, inbox)
      const flush = (): void => outside(() => handOver(inbox))
      const unsubscribe = (): void => {
        flush()
        inbox.matches = undefined
        onChange()
      }
      return {
        subscribe: (patterns, { accepts, ...options } = {}) => {
          const matches = anyOf(checkedPatterns(patterns))
          inbox.ignoresTime = options.ignoresTime === true
          inbox.ignoresScope = options.ignoresScope === true
          inbox.pace = options.pulled ? slow : quick
          inbox.handOverAt = Math.max(options.handOverAt ?? defaultHandOverAt, 1)
          inbox.matches = accepts ? (name) => matches(name) && accepts(name) : matches
          onChange()
        },
        unsubscribe,
        flush,
        get size() {
          return inbox.waiting.length
        },
        remove: () => {
          unsubscribe()
          if (inboxes.get(id) === inbox) inboxes.delete(id)
          onChange()
        },
      }
    },
    matching: (name) => [...inboxes.values()].filter((inbox) => inbox.matches?.(name)),
    put,
    offer: (id, event) => {
      const inbox = inboxes.get(id)
      if (inbox?.matches === undefined) return false
      put(inbox, event)
      return true
    },
    flush,
    schedule: () => {
      reportsDue = true
      scheduleTurn()
    },
    get size() {
      return inboxes.size
    },
  }
}
