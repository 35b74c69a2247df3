import type { Tracer } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import { type Clock, createTelemetry, otel, type Telemetry } from '../../src/index.ts'

/** What sends spans of four attributes to an OTLP endpoint. */
export interface Contender {
  /** One span, begun and ended. */
  span(i: number): void
  /** Resolves when what was sent so far is exported, or given up. */
  flush(): Promise<void>
  /** Ends it within the time; gives the loss report, if it has one. */
  stop(timeoutMs: number): Promise<Counts | undefined>
  /** Another endpoint from now on, as far as it can: resolves when the change is in force. */
  move(url: string): Promise<void>
  counts(): Counts | undefined
  /** Attempts to export a batch so far, if it says so. */
  attempts(): number | undefined
}

/** In spans. */
export interface Counts {
  readonly accepted: number
  readonly delivered: number
  readonly dropped: number
  readonly pending: number
  readonly ambiguous: number
  /** Spans by reason. */
  readonly reasons: Readonly<Record<string, number>>
}

export type Kind = 'native' | 'package' | 'otel' | 'otel-tuned'

export interface Setting {
  readonly kind: Kind
  readonly url: string
  /** Keys of our exporter, or `queue_size` of the peer's tuned processor. */
  readonly config?: Readonly<Record<string, unknown>>
}

export interface Ours extends Contender {
  readonly telemetry: Telemetry
}

export interface Peer extends Contender {
  readonly tracer: Tracer
  /**
   * Resolves when all of `spans`, sent since the start, have been exported, or given up: the processor is left to send
   * its batches as it does, one after the other, and is told to flush only what does not fill one.
   */
  drained(spans: number): Promise<void>
}

export const isOurs = (kind: Kind): kind is 'native' | 'package' => kind === 'native' || kind === 'package'

export const startContender = (setting: Setting): Promise<Contender> =>
  isOurs(setting.kind) ? startOurs(setting) : startPeer(setting)

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

export async function startOurs({ kind, url, config }: Setting, clock?: Clock): Promise<Ours> {
  if (!isOurs(kind)) throw new Error(`${kind} is no client of ours`)
  const telemetry = createTelemetry({
    types: [otel()],
    config: { env: {}, init: { otel: { endpoint: url, client: kind, service_name: 'bench', ...config } } },
    logger: quiet,
    drainOnExit: false,
    clock,
  })
  await telemetry.start()
  const counts = (): Counts => toSpans(telemetry.status().exporters.otel!.ledger)
  return {
    telemetry,
    span: (i) => {
      telemetry.emit('job.start', {}, { correlation_id: i, queue: 'mail', user: 'u1' })
      telemetry.emit('job.success', { duration_ms: 1.5 }, { correlation_id: i })
    },
    flush: async () => {
      await telemetry.flush({ timeoutMs: 60_000 })
    },
    stop: async (timeoutMs) => toSpans((await telemetry.stop({ timeoutMs })).exporters.otel!),
    move: async (to) => {
      await telemetry.config.put('telemetry.otel.endpoint', to)
    },
    counts,
    attempts: () => telemetry.status().exporters.otel!.exports.attempts,
  }
}

type Ledger = ReturnType<Telemetry['status']>['exporters'][string]['ledger']

/** A span weighs two events. */
function toSpans({ accepted, delivered, dropped, pending, ambiguous }: Ledger): Counts {
  const sum = (weights: object): number => Object.values(weights).reduce((a, b) => a + b, 0) / 2
  return {
    accepted: accepted / 2,
    delivered: delivered / 2,
    dropped: sum(dropped),
    pending: sum(pending),
    ambiguous: ambiguous / 2,
    reasons: Object.fromEntries(Object.entries(dropped).map(([reason, weight]) => [reason, weight / 2])),
  }
}

/** The processor's own default. */
const batchSize = 512

/** The SDK as its guide sets it up; an endpoint is changed by a new provider beside the old, which is shut down. */
export async function startPeer({ kind, url, config }: Setting): Promise<Peer> {
  let ended = 0
  let onEnd = (): void => {}
  /** Counts what was exported, or given up, once per batch. */
  const counting = (exporter: SpanExporter): SpanExporter => ({
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        done(result)
        ended += spans.length
        onEnd()
      }),
    shutdown: () => exporter.shutdown(),
  })
  const provide = (to: string): TracerProvider => {
    const exporter = counting(new OTLPTraceExporter({ url: to }))
    const maxQueueSize = kind === 'otel-tuned' ? Number(config?.queue_size ?? 400_000) : undefined
    return new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize })] })
  }
  let provider = provide(url)
  let tracer = provider.getTracer('bench')
  const flush = (): Promise<void> => provider.forceFlush().catch(() => {})
  return {
    tracer,
    drained: async (spans) => {
      await new Promise<void>((resolve) => {
        onEnd = () => {
          if (spans - ended < batchSize) resolve()
        }
        onEnd()
      })
      await flush()
    },
    span: (i) => {
      tracer
        .startSpan('job', { attributes: { correlation_id: i, queue: 'mail', user: 'u1', duration_ms: 1.5 } })
        .end()
    },
    flush,
    stop: async (timeoutMs) => {
      const timer = new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())
      await Promise.race([provider.shutdown().catch(() => {}), timer])
      return undefined
    },
    move: async (to) => {
      const old = provider
      provider = provide(to)
      tracer = provider.getTracer('bench')
      await old.shutdown().catch(() => {})
    },
    counts: () => undefined,
    attempts: () => undefined,
  }
}
