import type { CorrelationKey } from '../../../bus/correlation.ts'
import type { TelemetryEvent } from '../../../bus/event.ts'
import type { Scope } from '../../../bus/span-scope.ts'
import type { TraceId } from '../../../bus/trace-id.ts'
import { cutText, type EventFields } from './attributes.ts'
import { traceHash } from './chained-table.ts'

// Classes, and `declare`d fields: of an object literal V8 learns how long its objects live, and after a burst it would
// make them in the old generation, where they would outlive their spans; a field definition would be a second store.

/** A trace with open spans; the decision to sample it is made once, when its first span opens. */
export class OpenTrace implements TraceId {
  declare readonly w0: number
  declare readonly w1: number
  declare readonly w2: number
  declare readonly w3: number
  /** W3C trace flags: what its spans are exported with, if it is sampled. */
  declare readonly flags: number
  declare readonly traceState: string
  /** The remote span through which the trace came in; 0, 0: it began here. */
  declare readonly remoteHigh: number
  declare readonly remoteLow: number
  /** Open spans. */
  declare open: number
  /** `span()` knows the trace: while it has open spans it is found by its id. */
  declare named: boolean
  declare chained: OpenTrace | undefined

  constructor(ids: TraceId, flags: number, traceState: string, remoteHigh: number, remoteLow: number) {
    this.w0 = ids.w0
    this.w1 = ids.w1
    this.w2 = ids.w2
    this.w3 = ids.w3
    this.flags = flags
    this.traceState = traceState
    this.remoteHigh = remoteHigh
    this.remoteLow = remoteLow
    this.open = 0
    this.named = false
    this.chained = undefined
  }

  get sampled(): boolean {
    return (this.flags & 1) === 1
  }

  get hash(): number {
    return traceHash(this)
  }
}

/** The open spans of one id, as a stack that can lose any member. */
export class SpanGroup implements TraceId {
  declare readonly id: CorrelationKey
  /** The trace of the id: what begins under it, unless something else says in which trace it is. */
  declare readonly w0: number
  declare readonly w1: number
  declare readonly w2: number
  declare readonly w3: number
  declare innermost: OpenSpan | undefined
  declare size: number
  /** Built when scanning the stack would no longer be cheap. */
  declare byName: Map<string, OpenSpan | undefined> | undefined
  declare chained: SpanGroup | undefined

  constructor(id: CorrelationKey, trace: TraceId) {
    this.id = id
    this.w0 = trace.w0
    this.w1 = trace.w1
    this.w2 = trace.w2
    this.w3 = trace.w3
    this.innermost = undefined
    this.size = 0
    this.byName = undefined
    this.chained = undefined
  }

  get hash(): number {
    return this.w3
  }
}

/** The fields of the event that opened a span. */
export interface StartEvent extends EventFields {
  readonly time: number
}

/** A moment that many spans share: a number of its own would be an object of its own. */
export interface Moment {
  /** Monotonic milliseconds, so that a change of the wall clock does not expire spans. */
  readonly at: number
}

export class OpenSpan {
  declare readonly name: string
  declare group: SpanGroup | undefined
  /** The `span()` around its start event, or that this event opens. */
  declare readonly scope: Scope | undefined
  /** `span()` opened it: found by its span id, never by name and id. */
  declare readonly own: boolean
  /** When it was opened here; expiry counts from it. */
  declare readonly opened: Moment
  /** Without fields when it is not sampled. */
  declare start: StartEvent

  // Where it stands. Words 0, 0: it has no parent.
  declare trace: OpenTrace
  declare spanHigh: number
  declare spanLow: number
  declare parentHigh: number
  declare parentLow: number
  declare parentIsRemote: boolean

  // Its neighbours by age, and in the stack of its group.
  declare older: OpenSpan | undefined
  declare newer: OpenSpan | undefined
  declare outer: OpenSpan | undefined
  declare inner: OpenSpan | undefined
  declare chained: OpenSpan | undefined

  constructor(
    name: string,
    group: SpanGroup | undefined,
    scope: Scope | undefined,
    own: boolean,
    opened: Moment,
  ) {
    this.name = name
    this.group = group
    this.scope = scope
    this.own = own
    this.opened = opened
    this.start = noStart
    this.trace = noTrace
    this.spanHigh = 0
    this.spanLow = 0
    this.parentHigh = 0
    this.parentLow = 0
    this.parentIsRemote = false
    this.older = undefined
    this.newer = undefined
    this.outer = undefined
    this.inner = undefined
    this.chained = undefined
  }

  /** Ids are random. */
  get hash(): number {
    return this.spanLow
  }
}

const noStart: StartEvent = { fields: [], metadataStart: 0, time: 0 }

/** Stands in for the trace of a span that has not been placed yet. */
const noTrace = new OpenTrace({ w0: 0, w1: 0, w2: 0, w3: 0 }, 0, '', 0, 0)

/** A `traceparent` or a span kind is read when the span ends, however short an attribute must be. */
const readable = 64

/**
 * A start event as it is kept while its span is open: ids are compared whole, however long, but kept not much longer
 * than an attribute may be.
 */
export function keptStart(event: TelemetryEvent, length: number): StartEvent {
  const { fields, metadataStart } = event
  let kept: unknown[] | undefined
  const limit = Math.max(length, readable)
  for (let i = metadataStart; i < fields.length; i += 2) {
    const value = fields[i + 1]
    if (typeof value !== 'string' || value.length <= limit) continue
    kept ??= fields.slice()
    kept[i + 1] = detached(cutText(value, limit))
  }
  return kept === undefined ? event : { fields: kept, metadataStart, time: event.time }
}

/** A copy: what `slice` gives keeps the whole text alive. */
const detached = (text: string): string => Buffer.from(text, 'utf16le').toString('utf16le')
