import type { CorrelationKey } from '../../../bus/correlation.ts'
import type { SpanScope } from '../../../bus/event.ts'
import { createLingering } from './lingering.ts'
import { type OpenSpan, type OpenTrace, SpanGroup } from './open-span.ts'

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
  /** Makes sure that a group is found that {@link groupFor} gave a while ago. */
  keep(group: SpanGroup): void
  add(span: OpenSpan): void
  /** Names a trace by the text `span()` knows it by; it is found by it while a span of it is open. */
  nameTrace(trace: OpenTrace, hex: string): void
  remove(span: OpenSpan): void
  clear(): void
}

export function createOpenSpans(): OpenSpans {
  const groups = createLingering<CorrelationKey, SpanGroup>((group) => group.size === 0)
  let scopes = new WeakMap<SpanScope, OpenSpan>()
  const traces = createLingering<string, OpenTrace>((trace) => trace.open === 0)
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
    if (group.size++ === 0) spans.ids++
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
    spans.ids--
    groups.died(group.id, group)
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
    own: (scope) => scopes.get(scope),
    trace: (hex) => {
      const trace = traces.get(hex)
      return trace !== undefined && trace.open > 0 ? trace : undefined
    },
    group: (id) => groups.get(id),
    groupFor: (id) => {
      let group = groups.get(id)
      if (group === undefined) {
        group = new SpanGroup(id)
        groups.set(id, group)
      }
      return group
    },
    keep: (group) => {
      groups.set(group.id, group)
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
      newest = undefined
      spans.oldest = undefined
      spans.size = 0
      spans.ids = 0
    },
  }
  return spans
}
