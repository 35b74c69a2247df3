import type { CorrelationKey } from '../../../bus/correlation.ts'
import type { SpanScope } from '../../../bus/event.ts'
import type { TraceId } from '../../../bus/trace-id.ts'
import type { MayLinger } from './lingering.ts'

// Classes, and `declare`d fields: of an object literal V8 learns how long its objects live, and after a burst it would
// make them in the old generation, where they would outlive their spans; a field definition would be a second store.

/** A trace with open spans; the decision to sample it is made once, when its first span opens. */
export class OpenTrace implements TraceId, MayLinger {
  declare readonly w0: number
  declare readonly w1: number
  declare readonly w2: number
  declare readonly w3: number
  declare readonly sampled: boolean
  declare readonly traceState: string
  /** The remote span through which the trace came in; 0, 0: it began here. */
  declare readonly remoteHigh: number
  declare readonly remoteLow: number
  /** Set when `span()` knows the trace, by this text; such a trace is found again by it. */
  declare hex: string
  /** Open spans. */
  declare open: number
  declare lingers: boolean

  constructor(ids: TraceId, sampled: boolean, traceState: string, remoteHigh: number, remoteLow: number) {
    this.w0 = ids.w0
    this.w1 = ids.w1
    this.w2 = ids.w2
    this.w3 = ids.w3
    this.sampled = sampled
    this.traceState = traceState
    this.remoteHigh = remoteHigh
    this.remoteLow = remoteLow
    this.hex = ''
    this.open = 0
    this.lingers = false
  }
}

/** The open spans of one id, as a stack that can lose any member. */
export class SpanGroup implements MayLinger {
  declare readonly id: CorrelationKey
  declare innermost: OpenSpan | undefined
  declare size: number
  /** Built when scanning the stack would no longer be cheap. */
  declare byName: Map<string, OpenSpan | undefined> | undefined
  declare lingers: boolean

  constructor(id: CorrelationKey) {
    this.id = id
    this.innermost = undefined
    this.size = 0
    this.byName = undefined
    this.lingers = false
  }
}

export class OpenSpan {
  declare readonly name: string
  declare readonly group: SpanGroup | undefined
  /** The `span()` around its start event, or that this event opens. */
  declare readonly scope: SpanScope | undefined
  /** `span()` opened it: found by the scope's identity, never by name and id. */
  declare readonly own: boolean
  /** Milliseconds of the clock when it was opened here; expiry counts from it. */
  declare readonly openedAt: number
  declare readonly startTime: number
  /** Of the start event; empty when not sampled. */
  declare fields: readonly unknown[]
  declare metadataStart: number

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

  constructor(
    name: string,
    group: SpanGroup | undefined,
    scope: SpanScope | undefined,
    own: boolean,
    openedAt: number,
    startTime: number,
  ) {
    this.name = name
    this.group = group
    this.scope = scope
    this.own = own
    this.openedAt = openedAt
    this.startTime = startTime
    this.fields = noFields
    this.metadataStart = 0
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
  }
}

const noFields: readonly unknown[] = []

/** Of a span that has not been placed yet. */
const noTrace = new OpenTrace({ w0: 0, w1: 0, w2: 0, w3: 0 }, false, '', 0, 0)
