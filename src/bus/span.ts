import { type Clock, elapsed } from '../clock.ts'
import { TelemetryError } from '../errors.ts'
import { type Bus, maxNameLength } from './bus.ts'
import { correlationKeyOf } from './correlation.ts'
import type { SpanScope } from './event.ts'
import { maxKeys } from './sanitize.ts'
import { newSpanId, type ParentContext, processScopes, type Scopes } from './scope.ts'
import { sampledAt, traceHex, traceIdOf } from './trace-id.ts'
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

/**
 * Emits `<name>.start`, runs `fn` once, and emits `<name>.success` or `<name>.error` (with `metadata.error`), either
 * with `duration_ms`. Returns or throws what `fn` does; a promise stays a promise, any other thenable becomes one.
 * `metadata` is read once, at the start. @throws TelemetryError `SPAN_INVALID` if `fn` is no function.
 */
export interface Span {
  <Result>(name: string, fn: (span: SpanHandle) => Result): Result
  <Result>(name: string, metadata: object | undefined, fn: (span: SpanHandle) => Result): Result
}

export interface SpanOptions {
  readonly bus: Pick<Bus, 'capture' | 'emitCaptured'>
  readonly clock: Clock
  /** Default: the process's. */
  readonly scopes?: Scopes
  /** The highest rate at which an exporter samples, 0 to 1: traces that begin here are announced by it. Default: 1. */
  readonly samplingRate?: () => number
}

export function createSpan(options: SpanOptions): Span {
  const { bus, clock, scopes = processScopes, samplingRate = () => 1 } = options
  const monotonic = (): number => {
    try {
      return elapsed(clock)
    } catch {
      return Number.NaN
    }
  }

  return <Result>(name: string, second: unknown, third?: unknown): Result => {
    const [metadata, fn] = typeof third === 'function' ? [second, third] : [undefined, second]
    if (typeof fn !== 'function') throw new TelemetryError('SPAN_INVALID', 'span() needs a function to run')

    // Room for an id and an error.
    const captured = bus.capture(metadata, maxKeys - 2)
    const scope = openScope(eventName(name), captured, scopes, samplingRate)
    const correlationId = identify(captured, scope)
    const publish = (suffix: string, fields: readonly unknown[], metadataStart: number): void => {
      // Without a usable name it is emitted nameless: refused and counted.
      bus.emitCaptured(scope.name && scope.name + suffix, fields, metadataStart, scope)
    }
    const duration = (): number => Math.max(monotonic() - started, 0)
    const succeeded = (): void => publish('.success', ['duration_ms', duration(), ...captured], 2)
    const failed = (thrown: unknown): void => {
      const measured = duration()
      // What cannot be captured still failed.
      const error = bus.capture({ error: thrown ?? String(thrown) }, 1)
      publish('.error', ['duration_ms', measured, ...error, ...without(captured, 'error')], 2)
    }

    publish('.start', captured, 0)
    const started = monotonic()
    let result: unknown
    try {
      result = scopes.run(scope, () => (fn as (span: SpanHandle) => unknown)(handleOf(scope, correlationId)))
    } catch (thrown) {
      failed(thrown)
      throw thrown
    }
    const promise = promised(result)
    if (promise === undefined) {
      succeeded()
      return result as Result
    }
    return promise.then(
      (value) => {
        succeeded()
        return value
      },
      (thrown) => {
        failed(thrown)
        throw thrown
      },
    ) as Result
  }
}

/** Empty for a name that cannot carry all three suffixes. */
const eventName = (name: unknown): string =>
  typeof name === 'string' && name.length + '.success'.length <= maxNameLength ? name : ''

function openScope(
  name: string,
  captured: readonly unknown[],
  scopes: Scopes,
  samplingRate: () => number,
): SpanScope {
  const spanId = newSpanId()
  const remote = parseTraceparent(fieldOf(captured, 'traceparent'), fieldOf(captured, 'tracestate'))
  const parent = parentOf(scopes.current(), remote)
  if (parent === undefined) {
    // Whatever else is emitted under the id is in the same trace. A span without an id of its own has its span id.
    const trace = traceIdOf(correlationKeyOf(captured, 0) ?? spanId)
    return {
      traceId: traceHex(trace),
      spanId,
      parentSpanId: undefined,
      traceFlags: undefined,
      announcedFlags: sampledAt(samplingRate(), trace) ? 1 : 0,
      traceState: undefined,
      parentIsRemote: false,
      name,
    }
  }
  return {
    traceId: parent.traceId,
    spanId,
    parentSpanId: parent.spanId,
    traceFlags: parent.traceFlags,
    announcedFlags: parent.announcedFlags,
    traceState: parent.traceState,
    parentIsRemote: parent === remote || parent.isRemote === true,
    name,
  }
}

/** What the caller names wins over the span around, unless both are of one trace: then the nearer one is the parent. */
function parentOf(
  around: SpanScope | undefined,
  remote: ParentContext | undefined,
): ParentContext | undefined {
  if (around === undefined || remote === undefined) return around ?? remote
  return around.traceId === remote.traceId ? around : remote
}

/** The id of the span's events; puts the span's own id first in `captured` if the caller gave none. */
function identify(captured: unknown[], scope: SpanScope): string | number | boolean {
  for (const key of ['correlation_id', 'request_id']) {
    const given = fieldOf(captured, key)
    if (
      (typeof given === 'string' && given !== '') ||
      typeof given === 'number' ||
      typeof given === 'boolean'
    )
      return given
  }
  const at = indexOf(captured, 'correlation_id')
  if (at >= 0) captured.splice(at, 2)
  captured.unshift('correlation_id', scope.spanId)
  return scope.spanId
}

function handleOf(scope: SpanScope, correlationId: string | number | boolean): SpanHandle {
  const traceparent = formatTraceparent(scope)
  const tracestate = scope.traceState
  return {
    traceparent,
    tracestate,
    headers: (): Record<string, string> =>
      tracestate === undefined ? { traceparent } : { traceparent, tracestate },
    correlationId,
  }
}

/** A promise for a thenable (asked once: some start their work when asked), or undefined. */
function promised(value: unknown): Promise<unknown> | undefined {
  try {
    if (value instanceof Promise) return value
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined
    const { then } = value as { then?: unknown }
    if (typeof then !== 'function') return undefined
    return new Promise((resolve, reject) => then.call(value, resolve, reject))
  } catch {
    return undefined
  }
}

function indexOf(fields: readonly unknown[], key: string): number {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === key) return i
  return -1
}

function fieldOf(fields: readonly unknown[], key: string): unknown {
  const at = indexOf(fields, key)
  return at < 0 ? undefined : fields[at + 1]
}

function without(fields: readonly unknown[], key: string): readonly unknown[] {
  const at = indexOf(fields, key)
  return at < 0 ? fields : fields.toSpliced(at, 2)
}
