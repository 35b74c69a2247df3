import { TelemetryError } from '../errors.ts'
import type { TelemetryEvent } from './event.ts'
import { anyOf, checkedPatterns } from './handlers.ts'
import { outside } from './scope.ts'

/** One exporter's side of the bus: events wait here for the end of the turn, then go over as one array. */
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
  /** Of the events that match, only those whose name it says yes to. Asked once per name. */
  readonly accepts?: ((name: string) => boolean) | undefined
  /** The receiver does not read `time`: that of the first event of the turn will do. Default false. */
  readonly ignoresTime?: boolean | undefined
}

/** The bus's side of an inbox. */
export interface InboxState {
  readonly id: string
  readonly deliver: (events: TelemetryEvent[]) => void
  matches: ((name: string) => boolean) | undefined
  ignoresTime: boolean
  waiting: TelemetryEvent[]
  delivering: boolean
  /** On the list of those that the end of the turn hands over. */
  listed: boolean
}

export interface InboxTable {
  /** @throws TelemetryError `INBOX_EXISTS`. */
  add(id: string, deliver: (events: TelemetryEvent[]) => void): Inbox
  matching(name: string): InboxState[]
  put(inbox: InboxState, event: TelemetryEvent): void
  /** Puts an event into the inbox of this id, whatever its patterns. False if there is none, or it is not subscribed. */
  offer(id: string, event: TelemetryEvent): boolean
  /** Hands over all of them, now. */
  flush(): void
  /** Has `endOfTurn` run, and all inboxes handed over, when the event loop next comes round. */
  schedule(): void
  readonly size: number
}

/** An inbox that holds this many events hands them over without waiting for the turn to end. */
export const handOverAt = 4096

export interface InboxTableOptions {
  readonly onChange: () => void
  readonly onThrow: (inbox: InboxState, thrown: unknown) => void
  /** Runs once a turn in which something was scheduled, before the inboxes are handed over. */
  readonly endOfTurn: () => void
}

export function createInboxTable({ onChange, onThrow, endOfTurn }: InboxTableOptions): InboxTable {
  const inboxes = new Map<string, InboxState>()
  let listed: InboxState[] = []
  let scheduled = false

  // Deliveries start requests and timers, which belong to no span or request of the application.
  const flush = (): void => outside(handOverListed)

  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    setImmediate(turn)
  }

  const turn = (): void => {
    scheduled = false
    outside(endOfTurn)
    flush()
  }

  const list = (inbox: InboxState): void => {
    inbox.listed = true
    listed.push(inbox)
    schedule()
  }

  const handOverListed = (): void => {
    const due = listed
    listed = []
    for (const inbox of due) {
      inbox.listed = false
      if (inbox.delivering) list(inbox)
      else handOver(inbox)
    }
  }

  /**
   * The array changes hands, so nothing is copied. What `deliver` itself emits waits for the next turn: order is kept,
   * and no exporter can recurse into itself.
   */
  const handOver = (inbox: InboxState): void => {
    if (inbox.delivering || inbox.waiting.length === 0) return
    const events = inbox.waiting
    inbox.waiting = []
    inbox.delivering = true
    try {
      inbox.deliver(events)
    } catch (thrown) {
      onThrow(inbox, thrown)
    } finally {
      inbox.delivering = false
    }
  }

  const put = (inbox: InboxState, event: TelemetryEvent): void => {
    const { waiting } = inbox
    // Not by push: on an array that is still empty V8 would take it for one of integers, and from then on guess no more.
    waiting[waiting.length] = event
    if (!inbox.listed) list(inbox)
    if (waiting.length >= handOverAt) outside(() => handOver(inbox))
  }

  return {
    add: (id, deliver) => {
      if (inboxes.has(id)) throw new TelemetryError('INBOX_EXISTS', `an inbox '${id}' exists already`)
      const inbox: InboxState = {
        id,
        deliver,
        matches: undefined,
        ignoresTime: false,
        waiting: [],
        delivering: false,
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
        subscribe: (patterns, { accepts, ignoresTime = false } = {}) => {
          const matches = anyOf(checkedPatterns(patterns))
          inbox.ignoresTime = ignoresTime
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
    schedule,
    get size() {
      return inboxes.size
    },
  }
}
