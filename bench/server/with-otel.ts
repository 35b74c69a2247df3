import { type Span, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { Counter, Histogram, Registry } from 'prom-client'
import { bare, type Instruments, type Setting, sumOf } from './instruments.ts'

/** As the guides set them up: NodeSDK without instrumentations, metrics and logs; prom-client beside it. */
export async function startOtel({ signals, url }: Setting): Promise<Instruments> {
  const registry = new Registry()
  const metrics = signals === 'spans' ? undefined : prometheus(registry)
  const counted = async (name: string): Promise<number | undefined> =>
    metrics && sumOf(await registry.metrics(), name)
  if (signals === 'metrics')
    return {
      ...bare,
      count: ({ method, route }) => metrics!.requests.inc({ method, route, status: 200 }),
      stop: () => counted('http_requests_total'),
    }

  process.env.OTEL_METRICS_EXPORTER = 'none'
  process.env.OTEL_LOGS_EXPORTER = 'none'
  const sdk = new NodeSDK({ serviceName: 'bench', traceExporter: new OTLPTraceExporter({ url }) })
  sdk.start()
  const tracer = trace.getTracer('bench')
  return {
    ...bare,
    request: ({ id, method, route, user }, work) => {
      const start = performance.now()
      const attributes = { correlation_id: id, method, route, user }
      return tracer.startActiveSpan('http.request', { attributes }, async (span) => {
        try {
          const result = await work()
          span.setAttribute('status', 200)
          return result
        } catch (error) {
          throw failed(span, error)
        } finally {
          span.end()
          metrics?.requests.inc({ method, route, status: 200 })
          metrics?.durations.observe({ method, route, status: 200 }, (performance.now() - start) / 1000)
        }
      })
    },
    query: ({ id }, work) =>
      tracer.startActiveSpan(
        'db.query',
        { attributes: { correlation_id: id, table: 'users' } },
        async (span) => {
          try {
            return await work()
          } catch (error) {
            throw failed(span, error)
          } finally {
            span.end()
          }
        },
      ),
    stop: async () => {
      await sdk.shutdown()
      return counted('http_request_duration_seconds_count')
    },
  }
}

function prometheus(registry: Registry) {
  const options = { help: 'x', labelNames: ['method', 'route', 'status'], registers: [registry] }
  return {
    requests: new Counter({ ...options, name: 'http_requests_total' }),
    durations: new Histogram({
      ...options,
      name: 'http_request_duration_seconds',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    }),
  }
}

function failed(span: Span, error: unknown): unknown {
  span.recordException(error as Error)
  span.setStatus({ code: SpanStatusCode.ERROR })
  return error
}
