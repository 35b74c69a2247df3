import type { SpanScope } from './event.ts'
import { readSpanId, readTraceId, readWords, sampledAt, spanHex, type TraceId, traceHex } from './trace-id.ts'
import { parseTracestate } from './tracestate.ts'

/** The bits of the trace flags that W3C Trace Context Level 2 defines: sampled, random. Others are not passed on. */
export const knownFlags = 0x03
export const sampledFlag = 0x01

/** The trace flags are known: they came with a parent. They stand in the lowest bits. */
const decided = 0x100
const parentRemote = 0x200
const remote = 0x400
const announced = 0x800
const announcedSampled = 0x1000
const ownId = 0x2000

/** Events, links and errors that a running `span()` was given, beside attributes. */
export interface SpanNotes {
  /** Instead of the name the span was opened with. */
  name: string | undefined
  readonly events: SpanNote[]
  /** About what the events take. */
  bytes: number
  /** Events and attributes beyond what a span may have. */
  droppedEvents: number
  droppedAttributes: number
}

/** Something that happened at one moment of a span. */
export interface SpanNote {
  readonly name: string
  /** Epoch milliseconds. */
  readonly time: number
  /** `[key, value, …]`, as the fields of an event. */
  readonly fields: readonly unknown[]
}

/** The share of traces to announce as sampled, 0 to 1. */
export type SamplingRate = () => number

/**
 * The place of a span in its trace. Its ids are 32-bit words, which exporters take as they are: their hex text is made
 * when they are first read. Fields that are not in {@link SpanScope} are for telemachine itself.
 */
export class Scope implements SpanScope, TraceId {
  // `declare`: a field definition would be a store of its own, before the constructor's.
  declare readonly name: string
  declare readonly w0: number
  declare readonly w1: number
  declare readonly w2: number
  declare readonly w3: number
  declare readonly spanHigh: number
  declare readonly spanLow: number
  /** 0, 0: it has no parent. */
  declare readonly parentHigh: number
  declare readonly parentLow: number
  declare readonly traceState: string | undefined
  declare bits: number
  /** In the scope that a trace begins with: the rate to announce it by. In those below it: that scope. */
  declare readonly origin: Scope | SamplingRate | undefined
  /** Events, links and errors that the span was given while it ran. */
  declare notes: SpanNotes | undefined
  declare traceText: string
  declare spanText: string
  declare face: SpanScope | undefined

  private constructor(
    name: string,
    trace: TraceId,
    spanHigh: number,
    spanLow: number,
    parentHigh: number,
    parentLow: number,
    bits: number,
    traceState: string | undefined,
    origin: Scope | SamplingRate | undefined,
  ) {
    this.name = name
    this.w0 = trace.w0
    this.w1 = trace.w1
    this.w2 = trace.w2
    this.w3 = trace.w3
    this.spanHigh = spanHigh
    this.spanLow = spanLow
    this.parentHigh = parentHigh
    this.parentLow = parentLow
    this.traceState = traceState
    this.bits = bits
    this.origin = origin
    this.notes = undefined
    this.traceText = ''
    this.spanText = ''
    this.face = undefined
  }

  /** The scope of a span that a trace begins with. `hasOwnId`: it made up its correlation id, from its span id. */
  static first(
    name: string,
    trace: TraceId,
    high: number,
    low: number,
    hasOwnId: boolean,
    rate: SamplingRate,
  ): Scope {
    return new Scope(name, trace, high, low, 0, 0, hasOwnId ? ownId : 0, undefined, rate)
  }

  /** The scope of a span below `parent`. */
  static below(name: string, parent: Scope, high: number, low: number, hasOwnId: boolean): Scope {
    const { bits, origin } = parent
    const inherited =
      (bits & (decided | knownFlags)) | ((bits & remote) !== 0 ? parentRemote : 0) | (hasOwnId ? ownId : 0)
    const above = (bits & decided) !== 0 ? undefined : origin instanceof Scope ? origin : parent
    return new Scope(
      name,
      parent,
      high,
      low,
      parent.spanHigh,
      parent.spanLow,
      inherited,
      parent.traceState,
      above,
    )
  }

  /** A span of another process, as a `traceparent` names it. */
  static remote(
    trace: TraceId,
    high: number,
    low: number,
    flags: number,
    traceState: string | undefined,
  ): Scope {
    return new Scope(
      '',
      trace,
      high,
      low,
      0,
      0,
      remote | decided | (flags & knownFlags),
      traceState,
      undefined,
    )
  }

  /** A scope that something else made, or undefined if its ids are not what W3C calls valid. */
  static from(scope: ForeignScope): Scope | undefined {
    if (scope instanceof Scope) return scope
    const { name = '', traceId, spanId, parentSpanId, traceFlags, announcedFlags, traceState } = scope
    if (typeof spanId !== 'string' || spanId.length !== 16 || !readSpanId(spanId, 0)) return undefined
    const high = readWords[0]!
    const low = readWords[1]!
    const trace = typeof traceId === 'string' && traceId.length === 32 ? readTraceId(traceId, 0) : undefined
    if (trace === undefined) return undefined
    const hasParent =
      typeof parentSpanId === 'string' && parentSpanId.length === 16 && readSpanId(parentSpanId, 0)
    let bits = (scope.parentIsRemote === true ? parentRemote : 0) | (scope.isRemote === true ? remote : 0)
    if (traceFlags !== undefined) bits |= decided | (traceFlags & knownFlags)
    else if (announcedFlags !== undefined)
      bits |= announced | ((announcedFlags & sampledFlag) === 0 ? 0 : announcedSampled)
    const parentHigh = hasParent ? readWords[0]! : 0
    const parentLow = hasParent ? readWords[1]! : 0
    const state = parseTracestate(traceState)
    return new Scope(name, trace, high, low, parentHigh, parentLow, bits, state, undefined)
  }

  get traceId(): string {
    if (this.traceText === '') this.traceText = traceHex(this)
    return this.traceText
  }

  get spanId(): string {
    if (this.spanText === '') this.spanText = spanHex(this.spanHigh, this.spanLow)
    return this.spanText
  }

  get parentSpanId(): string | undefined {
    return this.hasParent ? spanHex(this.parentHigh, this.parentLow) : undefined
  }

  get traceFlags(): number | undefined {
    return (this.bits & decided) === 0 ? undefined : this.bits & knownFlags
  }

  /** Decided once for all of a trace, when it is first read. */
  get announcedFlags(): number | undefined {
    if ((this.bits & decided) !== 0) return undefined
    if (this.origin instanceof Scope) return this.origin.announcedFlags
    if ((this.bits & announced) === 0) {
      if (this.origin === undefined) return undefined
      this.bits |= sampledAt(this.origin(), this) ? announced | announcedSampled : announced
    }
    return (this.bits & announcedSampled) === 0 ? 0 : sampledFlag
  }

  get parentIsRemote(): boolean {
    return (this.bits & parentRemote) !== 0
  }

  get isRemote(): boolean {
    return (this.bits & remote) !== 0
  }

  get hasParent(): boolean {
    return (this.parentHigh | this.parentLow) !== 0
  }

  /** The trace begins here: it is that of the span's correlation id, if it has one. */
  get beginsTrace(): boolean {
    return typeof this.origin === 'function'
  }

  /** The span made up its correlation id: it is the text of its span id. */
  get hasOwnId(): boolean {
    return (this.bits & ownId) !== 0
  }

  isOfTrace(other: TraceId): boolean {
    return this.w3 === other.w3 && this.w2 === other.w2 && this.w1 === other.w1 && this.w0 === other.w0
  }

  /** The scope as applications see it: plain data, the same object each time. */
  get shown(): SpanScope {
    this.face ??= Object.freeze({
      name: this.name,
      traceId: this.traceId,
      spanId: this.spanId,
      parentSpanId: this.parentSpanId,
      traceFlags: this.traceFlags,
      announcedFlags: this.announcedFlags,
      parentIsRemote: this.parentIsRemote,
      isRemote: this.isRemote,
      traceState: this.traceState,
    })
    return this.face
  }
}

/** A scope of another origin, such as the span that is active in another tracing API. */
export type ForeignScope = Omit<SpanScope, 'name'> & { readonly name?: string }
