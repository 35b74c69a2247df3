import { type Clock, createSystemClock } from '../clock.ts'
import type { Telemetry } from '../contract.ts'
import { TelemetryError } from '../errors.ts'
import type { ReadableSpan } from '../exporters/otel/readable-span.ts'
import { SdkSpanEvent } from '../exporters/otel/sdk-span.ts'
import { type Ingress, ingressOf } from '../ingress.ts'

/** ExportResult of `@opentelemetry/core`: code 0 is success, 1 is failure. */
export interface SpanExportResult {
  code: number
  error?: Error
}

/** Fits the SpanExporter of `@opentelemetry/sdk-trace`, and that of `sdk-trace-base` before it. */
export interface SpanExporter {
  export(spans: ReadableSpan[], resultCallback: (result: SpanExportResult) => void): void
  forceFlush(): Promise<void>
  shutdown(): Promise<void>
}

const success = 0
const failure = 1

/** As long as a BatchSpanProcessor waits for an export by default, and a TracerProvider for its processors. */
const settleTimeoutMs = 30_000

/**
 * A SpanExporter for an OpenTelemetry SDK that hands its finished spans, as they are, to an exporter of `telemetry`
 * whose type takes them (`otel`): endpoint changes at runtime, circuit breaker, bounded queue and ledger come with it.
 *
 * `export` reports success when the exporter has accepted the spans - what becomes of them is in its ledger, one event
 * each -, so that an outage of the backend fills the queue here and not the one of the SDK, which is smaller. Called by a
 * BatchSpanProcessor that is being flushed it reports when the spans are settled, so that `provider.forceFlush()` waits
 * for the backend, at most 30 s. It reports a failure with a TelemetryError when it cannot take the spans: `STOPPED`
 * (while it is disabled, after the stop, after `shutdown`), `EXPORTER_UNKNOWN` (also before the start), `EXPORTER_UNFIT`
 * for a type that takes no spans; and `FLUSH_INCOMPLETE` when flushed spans are still queued at the end of the wait.
 * `forceFlush` flushes `telemetry`; `shutdown` does too, and leaves it running. Neither rejects.
 * @throws TelemetryError `TELEMETRY_INVALID` if `telemetry` comes from elsewhere than `createTelemetry`.
 */
export function spanExporter(telemetry: Pick<Telemetry, 'flush'>, exporter = 'otel'): SpanExporter {
  const ingress = ingressOf(telemetry)
  if (ingress === undefined)
    throw new TelemetryError(
      'TELEMETRY_INVALID',
      'the first argument of spanExporter() must be a telemetry system that createTelemetry() returned',
    )
  const clock = createSystemClock()
  let isShutDown = false

  const flush = async (): Promise<void> => {
    await telemetry.flush()
  }
  const settle = async (): Promise<SpanExportResult> => {
    const { complete } = await telemetry.flush({ exporters: [exporter], timeoutMs: settleTimeoutMs })
    if (complete) return { code: success }
    const name = JSON.stringify(exporter)
    const message = `exporter ${name} could not deliver the spans yet: they are queued, and it goes on trying`
    return { code: failure, error: new TelemetryError('FLUSH_INCOMPLETE', message) }
  }

  return {
    export: (spans, resultCallback) => {
      const error = isShutDown
        ? stopped('this span exporter is shut down')
        : hand(spans, exporter, ingress, clock)
      if (error !== undefined) resultCallback({ code: failure, error })
      else if (isFlushing()) void settle().then((result) => report(resultCallback, result))
      else resultCallback({ code: success })
    },
    forceFlush: flush,
    shutdown: async () => {
      isShutDown = true
      await flush()
    },
  }
}

/** An error of the callback has no caller that could catch it. */
function report(resultCallback: (result: SpanExportResult) => void, result: SpanExportResult): void {
  try {
    resultCallback(result)
  } catch {}
}

const maxFrames = 50

/**
 * Whether a BatchSpanProcessor is being flushed. The call itself is the only sign that its exporter gets, and
 * forwards `forceFlush` to no exporter. One batch of it costs one stack trace.
 */
function isFlushing(): boolean {
  try {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = maxFrames
    const { stack } = new Error('where')
    Error.stackTraceLimit = stackTraceLimit
    return /\b(?:_flushAll|forceFlush)\b/.test(String(stack))
  } catch {
    // An environment that does not allow to touch Error.
    return false
  }
}

const stopped = (why: string): TelemetryError => new TelemetryError('STOPPED', why)

/** Gives all spans to the exporter, or says why not. */
function hand(
  spans: readonly ReadableSpan[],
  exporter: string,
  ingress: Ingress,
  clock: Clock,
): TelemetryError | undefined {
  const name = JSON.stringify(exporter)
  const definition = ingress.definitionOf(exporter)
  if (definition === undefined)
    return new TelemetryError(
      'EXPORTER_UNKNOWN',
      `there is no exporter ${name}, or telemetry has not started`,
    )
  if (definition.takesSdkSpans !== true)
    return new TelemetryError(
      'EXPORTER_UNFIT',
      `exporter ${name} (${definition.type}) does not take spans of an OpenTelemetry SDK: name one of the type otel`,
    )
  const now = clock.now()
  for (const span of spans)
    if (!ingress.offer(exporter, new SdkSpanEvent(span, now)))
      return stopped(`exporter ${name} accepts no spans now: it is disabled, or stopped`)
  return undefined
}
