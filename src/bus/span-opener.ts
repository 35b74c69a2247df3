import { type Clock, elapsed } from '../clock.ts'
import { type Bus, maxNameLength } from './bus.ts'
import { type CorrelationKey, correlationKey } from './correlation.ts'
import { newFields } from './field-room.ts'
import { ownCopy } from './own-copy.ts'
import { type RunningSpan, type SpanHost, SpanNames } from './running-span.ts'
import { maxKeys } from './sanitize.ts'
import { processScopes, type Scopes } from './scope.ts'
import { drawnId, drawnText, drawSpanId } from './span-id.ts'
import { type SamplingRate, Scope } from './span-scope.ts'
import { hashed, hashId, hashSpanId } from './trace-id.ts'
import { parseTraceparent } from './traceparent.ts'

export interface SpanOptions {
  readonly bus: Pick<Bus, 'capture' | 'emitCaptured'>
  readonly clock: Clock
  /** Default: the process's. */
  readonly scopes?: Scopes
  /** The highest rate at which an exporter samples, 0 to 1: traces that begin here are announced by it. Default: 1. */
  readonly samplingRate?: SamplingRate
}

/** Opens a span of a class. `apart`: the span around the caller is not its parent. */
export type OpenSpan = <Made>(
  name: unknown,
  metadata: unknown,
  made: new (...parts: ConstructorParameters<typeof RunningSpan>) => Made,
  apart?: boolean,
) => Made

function hostOf({ bus, clock, scopes = processScopes }: SpanOptions): SpanHost {
  // An injected clock may throw.
  const safely = (read: () => number): number => {
    try {
      return read()
    } catch {
      return Number.NaN
    }
  }
  return {
    bus,
    scopes,
    now: () => safely(() => clock.now()),
    monotonic: () => safely(() => elapsed(clock)),
    epochOf: (monotonic) => {
      try {
        return clock.epochOf?.(monotonic)
      } catch {
        return undefined
      }
    },
  }
}

/** Opens the spans of one telemetry system: emits `<name>.start`. Never throws. */
export function createSpanOpener(options: SpanOptions): OpenSpan {
  const { bus, samplingRate = () => 1 } = options
  const host = hostOf(options)
  const { scopes } = host
  const namesOf = createSpanNames()

  return (name, metadata, made, apart = false) => {
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

    const around = apart ? undefined : scopes.current()
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
      // Other events with the same id join the trace. A span without an id of its own uses its span id.
      const key: CorrelationKey | undefined = hasOwnId
        ? undefined
        : (correlationKey(correlationId) ?? correlationKey(requestId))
      if (key === undefined) hashSpanId(high, low)
      else hashId(key)
      scope = Scope.first(names.span, hashed, high, low, hasOwnId, samplingRate)
    }
    return new made(host, names, scope, id, fields, bytes)
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

/**
 * A parent given by the caller wins over the active span, unless both are of one trace: then the active span, which is
 * nearer, is the parent.
 */
function parentOf(around: Scope | undefined, named: Scope | undefined): Scope | undefined {
  if (around === undefined || named === undefined) return around ?? named
  return around.isOfTrace(named) ? around : named
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
