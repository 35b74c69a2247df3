import { TelemetryError } from '../errors.ts'
import { createSpanOpener, type SpanHandle, type SpanOptions } from './running-span.ts'
import { processScopes } from './scope.ts'

export type { SpanHandle, SpanOptions }

/**
 * Emits `<name>.start`, runs `fn` once, and emits `<name>.success` or `<name>.error` (with `metadata.error`), either
 * with `duration_ms`. Returns or throws what `fn` does; a promise stays a promise, any other thenable becomes one.
 * `metadata` is read once, at the start. @throws TelemetryError `SPAN_INVALID` if `fn` is no function.
 */
export interface Span {
  <Result>(name: string, fn: (span: SpanHandle) => Result): Result
  <Result>(name: string, metadata: object | undefined, fn: (span: SpanHandle) => Result): Result
}

export function createSpan(options: SpanOptions): Span {
  const scopes = options.scopes ?? processScopes
  const open = createSpanOpener(options)

  return <Result>(name: string, second: unknown, third?: unknown): Result => {
    const hasMetadata = typeof third === 'function'
    const fn = hasMetadata ? third : second
    if (typeof fn !== 'function') throw new TelemetryError('SPAN_INVALID', 'span() needs a function to run')
    const span = open(name, hasMetadata ? second : undefined)
    let result: unknown
    try {
      result = scopes.run(span.scope, fn as (span: SpanHandle) => unknown, span)
    } catch (thrown) {
      span.failed(thrown)
      throw thrown
    }
    const promise = promised(result)
    if (promise === undefined) {
      span.succeeded()
      return result as Result
    }
    return promise.then(
      (value) => {
        span.succeeded()
        return value
      },
      (thrown) => {
        span.failed(thrown)
        throw thrown
      },
    ) as Result
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
