import type { CorrelationKey } from '../../../bus/correlation.ts'
import type { SpanScope } from '../../../bus/event.ts'
import type { TraceId } from '../../../bus/trace-id.ts'
import { createLingering, type MayLinger } from './lingering.ts'

/** A trace with open spans; the decision to sample it is made once, when its first span opens. */
export interface OpenTrace extends TraceId, MayLinger {
  readonly sampled: boolean
  readonly traceState: string
  /** The remote span through which the trace came in; 0, 0: it began here. */
  readonly remoteHigh: number
  readonly remoteLow: number
  /** Set when `span()` knows the trace, by this text; such a trace is found again by it. */
  hex: string
  /** Open spans. */
  open: number
}

export interface OpenSpan {
  readonly name: string
  readonly group: SpanGroup | undefined
  /** The `span()` around its start event, or that this event opens. */
  readonly scope: SpanScope | undefined
  /** `span()` opened it: found by the scope's identity, never by name and id. */
  readonly own: boolean
  readonly trace: OpenTrace
  readonly spanHigh: number
  readonly spanLow: number
  readonly parentHigh: number
  readonly parentLow: number
  readonly parentIsRemote: boolean
  /** Milliseconds of the clock when it was opened here; expiry counts from it. */
  readonly openedAt: number
  readonly startTime: number
  /** Of the start event; empty when not sampled. */
  readonly fields: readonly unknown[]
  readonly metadataStart: number
  older: OpenSpan | undefined
  newer: OpenSpan | undefined
  outer: OpenSpan | undefined
  inner: OpenSpan | undefined
}

/** The open spans of one id, as a stack that can lose any member. */
export interface SpanGroup extends MayLinger {
  readonly id: CorrelationKey
  innermost: OpenSpan | undefined
  size: number
  /** Built when scanning the stack would no longer be cheap. */
  byName: Map<string, OpenSpan | undefined> | undefined
}

const scanned = 8

/** The open spans by (name, id), by scope and by age. Every operation takes constant time. */
export interface OpenSpans {
  readonly size: number
  readonly ids: number
  readonly oldest: OpenSpan | undefined
  find(name: string, group: SpanGroup | undefined): OpenSpan | undefined
  /** The open own span of a `span()`. */
  own(scope: SpanScope): OpenSpan | undefined
  trace(hex: string): OpenTrace | undefined
  group(id: CorrelationKey): SpanGroup | undefined
  /** The group of `id`, made if there is none: then a span must be added to it. */
  groupFor(id: CorrelationKey): SpanGroup
  add(span: OpenSpan): void
  /** Names a trace by the text `span()` knows it by; it is found by it while a span of it is open. */
  nameTrace(trace: OpenTrace, hex: string): void
  remove(span: OpenSpan): void
  clear(): void
}

export function createOpenSpans(): OpenSpans {
  const groups = createLingering<CorrelationKey, SpanGroup>((group) => group.size === 0)
  let ids = 0
  let scopes = new WeakMap<SpanScope, OpenSpan>()
  const traces = createLingering<string, OpenTrace>((trace) => trace.open === 0)
  let oldest: OpenSpan | undefined
  let newest: OpenSpan | undefined
  let size = 0

  const link = (span: OpenSpan): void => {
    span.older = newest
    if (newest === undefined) oldest = span
    else newest.newer = span
    newest = span
    size++
  }

  const unlink = (span: OpenSpan): void => {
    if (span.older === undefined) oldest = span.newer
    else span.older.newer = span.newer
    if (span.newer === undefined) newest = span.older
    else span.newer.older = span.older
    span.older = undefined
    span.newer = undefined
    size--
  }

  const push = (group: SpanGroup, span: OpenSpan): void => {
    span.outer = group.innermost
    if (group.innermost !== undefined) group.innermost.inner = span
    group.innermost = span
    if (group.size++ === 0) ids++
    const { byName } = group
    // Names that ended stay as undefined, for the reason that dead entries linger; too many are swept out.
    if (byName === undefined ? group.size > scanned : byName.size > group.size * 2 + scanned) {
      group.byName = new Map()
      for (let each: OpenSpan | undefined = span; each !== undefined; each = each.outer)
        if (!each.own) group.byName.set(each.name, each)
    } else if (!span.own) byName?.set(span.name, span)
  }

  const pull = (group: SpanGroup, span: OpenSpan): void => {
    if (span.inner === undefined) group.innermost = span.outer
    else span.inner.outer = span.outer
    if (span.outer !== undefined) span.outer.inner = span.inner
    span.outer = undefined
    span.inner = undefined
    if (!span.own) group.byName?.set(span.name, undefined)
    if (--group.size > 0) return
    group.byName = undefined
    ids--
    groups.died(group.id, group)
  }

  return {
    get size() {
      return size
    },
    get ids() {
      return ids
    },
    get oldest() {
      return oldest
    },
    find: (name, group) => {
      if (group === undefined) return undefined
      if (group.byName !== undefined) return group.byName.get(name)
      let span = group.innermost
      while (span !== undefined && (span.own || span.name !== name)) span = span.outer
      return span
    },
    own: (scope) => scopes.get(scope),
    trace: (hex) => {
      const trace = traces.get(hex)
      return trace !== undefined && trace.open > 0 ? trace : undefined
    },
    group: (id) => groups.get(id),
    groupFor: (id) => {
      let group = groups.get(id)
      if (group === undefined) {
        group = { id, innermost: undefined, size: 0, byName: undefined, lingers: false }
        groups.set(id, group)
      }
      return group
    },
    add: (span) => {
      link(span)
      const { trace } = span
      if (trace.open++ === 0 && trace.hex !== '') traces.set(trace.hex, trace)
      if (span.group !== undefined) push(span.group, span)
      if (span.own) scopes.set(span.scope!, span)
    },
    nameTrace: (trace, hex) => {
      trace.hex = hex
      if (trace.open > 0) traces.set(hex, trace)
    },
    remove: (span) => {
      unlink(span)
      const { trace, group } = span
      if (--trace.open === 0 && trace.hex !== '') traces.died(trace.hex, trace)
      if (group !== undefined) pull(group, span)
      if (span.own) scopes.delete(span.scope!)
    },
    clear: () => {
      groups.clear()
      scopes = new WeakMap()
      traces.clear()
      oldest = undefined
      newest = undefined
      size = 0
      ids = 0
    },
  }
}
