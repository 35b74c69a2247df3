import { TelemetryError } from '../errors.ts'
import { EndableSpan, RunningSpan, type SpanHandle, type StartedSpan } from './running-span.ts'
import { createSpanOpener, type SpanOptions } from './span-opener.ts'

export type { SpanHandle, SpanOptions, StartedSpan }

/**
 * Emits `<name>.start`, runs `fn` once, and emits `<name>.success` or `<name>.error` (with `metadata.error`), either
 * with `duration_ms`. Returns or throws what `fn` does; a promise stays a promise, any other thenable becomes one.
 * `metadata` is read once, at the start. @throws TelemetryError `SPAN_INVALID` if `fn` is no function.
 */
export interface Span {
  <Result>(name: string, fn: (span: SpanHandle) => Result): Result
  <Result>(name: string, metadata: object | undefined, fn: (span: SpanHandle) => Result): Result
}

/**
 * Starts a span for work that is not a function, such as a stream or callbacks: emits `<name>.start`, and returns the
 * handle whose `end()` emits `<name>.success` or `<name>.error`. It is the child of the span around the call. What is
 * to be inside it runs in `run()` of the handle. Never throws. A span that is never ended is dropped by exporters after
 * their `span_ttl`.
 */
export type StartSpan = (name: string, metadata?: object) => StartedSpan

/** The two ways to open a span. */
export interface Spans {
  readonly span: Span
  readonly startSpan: StartSpan
}

export function createSpans(options: SpanOptions): Spans {
  const open = createSpanOpener(options)

  const span = <Result>(name: string, second: unknown, third?: unknown): Result => {
    const hasMetadata = typeof third === 'function'
    const fn = hasMetadata ? third : second
    if (typeof fn !== 'function') throw new TelemetryError('SPAN_INVALID', 'span() needs a function to run')
    const opened = open(name, hasMetadata ? second : undefined, RunningSpan)
    let result: unknown
    try {
      result = RunningSpan.enter(opened, fn as (span: SpanHandle) => unknown)
    } catch (thrown) {
      RunningSpan.fail(opened, thrown)
      throw thrown
    }
    const promise = promised(result)
    if (promise === undefined) {
      RunningSpan.end(opened)
      return result as Result
    }
    return promise.then(
      (value) => {
        RunningSpan.end(opened)
        return value
      },
      (thrown) => {
        RunningSpan.fail(opened, thrown)
        throw thrown
      },
    ) as Result
  }

  return { span, startSpan: (name, metadata) => open(name, metadata, EndableSpan) }
}

export const createSpan = (options: SpanOptions): Span => createSpans(options).span

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
