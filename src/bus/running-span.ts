import { type Clock, elapsed } from '../clock.ts'
import { type Bus, maxNameLength } from './bus.ts'
import { type CorrelationKey, correlationKey } from './correlation.ts'
import { ownCopy } from './own-copy.ts'
import { maxKeys } from './sanitize.ts'
import { processScopes, type Scopes } from './scope.ts'
import { newFields } from './snapshot.ts'
import { drawnId, drawnText, drawSpanId } from './span-id.ts'
import { type SamplingRate, Scope } from './span-scope.ts'
import { hashed, hashId, hashSpanId } from './trace-id.ts'
import { formatTraceparent, parseTraceparent } from './traceparent.ts'

/** What `span()` gives its function. */
export interface SpanHandle {
  /** W3C `traceparent` with this span as the parent, for outgoing requests. */
  readonly traceparent: string
  readonly tracestate: string | undefined
  /** `{ traceparent, tracestate? }`, to spread into the headers of a request; a fresh object. */
  headers(): Record<string, string>
  /** `correlation_id` or `request_id` of the span's events: as given, or made up. */
  readonly correlationId: string | number | boolean
}

export interface SpanOptions {
  readonly bus: Pick<Bus, 'capture' | 'emitCaptured'>
  readonly clock: Clock
  /** Default: the process's. */
  readonly scopes?: Scopes
  /** The highest rate at which an exporter samples, 0 to 1: traces that begin here are announced by it. Default: 1. */
  readonly samplingRate?: SamplingRate
}

/** What the spans of one telemetry system have in common. */
interface Host {
  readonly bus: Pick<Bus, 'capture' | 'emitCaptured'>
  monotonic(): number
  /** Epoch milliseconds of what `monotonic` gave; undefined if the clock cannot tell. */
  epochOf(monotonic: number): number | undefined
}

/** A span that has started and not ended. It emits its events. */
export class RunningSpan implements SpanHandle {
  readonly scope: Scope
  readonly correlationId: string | number | boolean
  readonly #host: Host
  readonly #names: SpanNames
  /** Metadata, shared with the start event: never written to. */
  readonly #fields: readonly unknown[]
  readonly #bytes: number
  readonly #started: number

  constructor(
    host: Host,
    names: SpanNames,
    scope: Scope,
    correlationId: string | number | boolean,
    fields: readonly unknown[],
    bytes: number,
  ) {
    this.scope = scope
    this.correlationId = correlationId
    this.#host = host
    this.#names = names
    this.#fields = fields
    this.#bytes = bytes
    this.#started = host.monotonic()
    host.bus.emitCaptured(names.start, fields, 0, scope, bytes, host.epochOf(this.#started))
  }

  get traceparent(): string {
    return formatTraceparent(this.scope)
  }

  get tracestate(): string | undefined {
    return this.scope.traceState
  }

  /** A getter, so that it may be taken out of the handle. */
  get headers(): () => Record<string, string> {
    return (): Record<string, string> => {
      const { traceparent, tracestate } = this
      return tracestate === undefined ? { traceparent } : { traceparent, tracestate }
    }
  }

  succeeded(): void {
    const now = this.#host.monotonic()
    const fields = this.#endFields(now)
    append(this.#fields, undefined, fields)
    this.#end(this.#names.success, now, fields, this.#bytes)
  }

  failed(thrown: unknown): void {
    const now = this.#host.monotonic()
    const fields = this.#endFields(now)
    // What cannot be captured still failed.
    const bytes = this.#host.bus.capture({ error: thrown ?? String(thrown) }, fields, 1)
    append(this.#fields, 'error', fields)
    this.#end(this.#names.error, now, fields, this.#bytes + bytes)
  }

  #endFields(now: number): unknown[] {
    const fields = newFields()
    fields.push('duration_ms', Math.max(now - this.#started, 0))
    return fields
  }

  #end(name: string, now: number, fields: readonly unknown[], bytes: number): void {
    const { bus } = this.#host
    bus.emitCaptured(name, fields, 2, this.scope, bytes + durationBytes, this.#host.epochOf(now))
  }
}

const durationBytes = 32

function append(fields: readonly unknown[], except: string | undefined, to: unknown[]): void {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] !== except) to.push(fields[i], fields[i + 1])
}

/** Opens the spans of one telemetry system: emits `<name>.start`. Never throws. */
export function createSpanOpener(options: SpanOptions): (name: unknown, metadata: unknown) => RunningSpan {
  const { bus, clock, scopes = processScopes, samplingRate = () => 1 } = options
  const namesOf = createSpanNames()
  const host: Host = {
    bus,
    monotonic: () => {
      try {
        return elapsed(clock)
      } catch {
        return Number.NaN
      }
    },
    epochOf: (monotonic) => {
      try {
        return clock.epochOf?.(monotonic)
      } catch {
        return undefined
      }
    },
  }

  return (name, metadata) => {
    const names = namesOf(name)
    const fields = newFields()
    // Room for an id and an error.
    let bytes = bus.capture(metadata, fields, maxKeys - 2)
    let correlationId: unknown
    let requestId: unknown
    let traceparent: unknown
    let tracestate: unknown
    for (let i = 0; i < fields.length; i += 2) {
      const value = fields[i + 1]
      switch (fields[i]) {
        case 'correlation_id':
          correlationId = value
          break
        case 'request_id':
          requestId = value
          break
        case 'traceparent':
          traceparent = value
          break
        case 'tracestate':
          tracestate = value
      }
    }

    const around = scopes.current()
    const named = traceparent === undefined ? undefined : parseTraceparent(traceparent, tracestate)
    drawSpanId()
    const { high, low } = drawnId
    let id = isId(correlationId) ? correlationId : isId(requestId) ? requestId : undefined
    const hasOwnId = id === undefined
    if (id === undefined) {
      id = drawnText()
      if (correlationId !== undefined) remove(fields, 'correlation_id')
      fields.push('correlation_id', id)
      bytes += ownIdBytes
    }
    const parent = parentOf(around, named)
    let scope: Scope
    if (parent !== undefined) scope = Scope.below(names.span, parent, high, low, hasOwnId)
    else {
      // Whatever else is emitted under the id is in the same trace. A span without an id of its own has its span id.
      const key: CorrelationKey | undefined = hasOwnId
        ? undefined
        : (correlationKey(correlationId) ?? correlationKey(requestId))
      if (key === undefined) hashSpanId(high, low)
      else hashId(key)
      scope = Scope.first(names.span, hashed, high, low, hasOwnId, samplingRate)
    }
    return new RunningSpan(host, names, scope, id, fields, bytes)
  }
}

const ownIdBytes = 96

const isId = (id: unknown): id is string | number | boolean =>
  (typeof id === 'string' && id !== '') || typeof id === 'number' || typeof id === 'boolean'

function remove(fields: unknown[], key: string): void {
  for (let i = 0; i < fields.length; i += 2)
    if (fields[i] === key) {
      fields.splice(i, 2)
      return
    }
}

/** What the caller names wins over the span around, unless both are of one trace: then the nearer one is the parent. */
function parentOf(around: Scope | undefined, named: Scope | undefined): Scope | undefined {
  if (around === undefined || named === undefined) return around ?? named
  return around.isOfTrace(named) ? around : named
}

/** The name of a span, and those of its events. */
class SpanNames {
  readonly span: string
  readonly start: string
  readonly success: string
  readonly error: string

  constructor(span: string) {
    this.span = span
    // Without a usable name the events are emitted nameless: refused and counted.
    this.start = span && `${span}.start`
    this.success = span && `${span}.success`
    this.error = span && `${span}.error`
  }
}

const remembered = 2000
const maxRemembered = 256

/** The names of the events of a span. Names that repeat are put together, and hashed, once. */
function createSpanNames(): (name: unknown) => SpanNames {
  const known = new Map<string, SpanNames>()
  const nameless = new SpanNames('')
  return (name) => {
    // A name has to carry each of the suffixes.
    if (typeof name !== 'string' || name.length + '.success'.length > maxNameLength) return nameless
    const seen = known.get(name)
    if (seen !== undefined) return seen
    if (name.length > maxRemembered) return new SpanNames(name)
    if (known.size >= remembered) known.clear()
    const names = new SpanNames(ownCopy(name))
    known.set(names.span, names)
    return names
  }
}
