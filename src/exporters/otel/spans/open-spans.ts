import type { CorrelationKey } from '../../../bus/correlation.ts'
import { hashed, hashId, readSpanId, readWords, type TraceId } from '../../../bus/trace-id.ts'
import { createChainedTable, traceHash } from './chained-table.ts'
import { type OpenSpan, type OpenTrace, SpanGroup } from './open-span.ts'

const scanned = 8

/** The open spans by (name, id), by span id and by age. Every operation takes constant time. */
export interface OpenSpans {
  readonly size: number
  readonly ids: number
  readonly oldest: OpenSpan | undefined
  find(name: string, group: SpanGroup | undefined): OpenSpan | undefined
  /** The open own span of a `span()`. */
  own(high: number, low: number): OpenSpan | undefined
  /** A trace with open spans that `span()` knows. */
  trace(id: TraceId): OpenTrace | undefined
  group(id: CorrelationKey): SpanGroup | undefined
  /**
   * The group of `id`; a new one, which is found when a span was added to it, if there is none. `trace`: that of the id,
   * if it is known.
   */
  groupFor(id: CorrelationKey, trace: TraceId | undefined): SpanGroup
  add(span: OpenSpan): void
  /** From now on the trace is found by its id, while a span of it is open. */
  nameTrace(trace: OpenTrace): void
  remove(span: OpenSpan): void
  clear(): void
}

export function createOpenSpans(): OpenSpans {
  const groups = createChainedTable<SpanGroup>()
  const owns = createChainedTable<OpenSpan>()
  const traces = createChainedTable<OpenTrace>()
  let newest: OpenSpan | undefined

  const link = (span: OpenSpan): void => {
    span.older = newest
    if (newest === undefined) spans.oldest = span
    else newest.newer = span
    newest = span
    spans.size++
  }

  const unlink = (span: OpenSpan): void => {
    if (span.older === undefined) spans.oldest = span.newer
    else span.older.newer = span.newer
    if (span.newer === undefined) newest = span.older
    else span.newer.older = span.older
    span.older = undefined
    span.newer = undefined
    spans.size--
  }

  const push = (group: SpanGroup, span: OpenSpan): void => {
    span.outer = group.innermost
    if (group.innermost !== undefined) group.innermost.inner = span
    group.innermost = span
    if (group.size++ === 0) {
      spans.ids++
      groups.add(group)
    }
    const { byName } = group
    // Names that ended stay as undefined: a Map would pile up deleted entries of a name that comes and goes, and take
    // ever longer. Too many are swept out.
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
    spans.ids--
    groups.remove(group)
  }

  const own = (high: number, low: number): OpenSpan | undefined => {
    let span = owns.first(low)
    while (span !== undefined && (span.spanLow !== low || span.spanHigh !== high)) span = span.chained
    return span
  }

  const find = (id: CorrelationKey, trace: TraceId): SpanGroup | undefined => {
    let found = groups.first(trace.w3)
    while (found !== undefined && found.id !== id) found = found.chained
    return found ?? groupOfOwnId(id, trace)
  }

  const traceOf = (id: CorrelationKey): TraceId => {
    hashId(id)
    return hashed
  }

  /**
   * Returns the group of an id that `span()` generated from its span id. Such an id is rarely used elsewhere, so the
   * group is made only when it is.
   */
  const groupOfOwnId = (id: CorrelationKey, trace: TraceId): SpanGroup | undefined => {
    if (typeof id !== 'string' || id.length !== 16 || !readSpanId(id, 0)) return undefined
    const span = own(readWords[0]!, readWords[1]!)
    if (span?.scope?.hasOwnId !== true) return undefined
    span.group = new SpanGroup(id, trace)
    spans.ids--
    push(span.group, span)
    return span.group
  }

  // Properties, not getters: they are read per event, and V8 does not look through getters in all places.
  const spans: { -readonly [Key in keyof OpenSpans]: OpenSpans[Key] } = {
    size: 0,
    ids: 0,
    oldest: undefined,
    find: (name, group) => {
      if (group === undefined) return undefined
      if (group.byName !== undefined) return group.byName.get(name)
      let span = group.innermost
      while (span !== undefined && (span.own || span.name !== name)) span = span.outer
      return span
    },
    own,
    trace: (id) => {
      let trace = traces.first(traceHash(id))
      while (trace !== undefined && !isSameTrace(trace, id)) trace = trace.chained
      return trace
    },
    group: (id) => find(id, traceOf(id)),
    groupFor: (id, trace = traceOf(id)) => find(id, trace) ?? new SpanGroup(id, trace),
    add: (span) => {
      link(span)
      const { trace } = span
      if (trace.open++ === 0 && trace.named) traces.add(trace)
      if (span.group !== undefined) push(span.group, span)
      else spans.ids++
      if (span.own) owns.add(span)
    },
    nameTrace: (trace) => {
      if (trace.named) return
      trace.named = true
      if (trace.open > 0) traces.add(trace)
    },
    remove: (span) => {
      unlink(span)
      const { trace, group } = span
      if (--trace.open === 0 && trace.named) traces.remove(trace)
      if (group !== undefined) pull(group, span)
      else spans.ids--
      if (span.own) owns.remove(span)
    },
    clear: () => {
      groups.clear()
      owns.clear()
      traces.clear()
      newest = undefined
      spans.oldest = undefined
      spans.size = 0
      spans.ids = 0
    },
  }
  return spans
}

export const isSameTrace = (a: TraceId, b: TraceId): boolean =>
  a.w3 === b.w3 && a.w2 === b.w2 && a.w1 === b.w1 && a.w0 === b.w0
