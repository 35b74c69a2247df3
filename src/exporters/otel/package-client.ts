import { createContextKey, context as otelContext } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { messageOf, TelemetryError } from '../../errors.ts'
import { version } from '../../version.ts'
import { settledWithin } from '../../waiting.ts'
import type { OpenContext } from '../exporter.ts'
import { refuseForbidden, refuseUnresolved } from '../http/address.ts'
import { openConnections } from '../http/connections.ts'
import { proxyFor, redactor } from '../http/http.ts'
import { parseProxy } from '../http/proxy.ts'
import { secretsOf } from '../http/redact.ts'
import type { Outcome } from '../outcome.ts'
import type { OtelClient } from './client.ts'
import { decodeSpan } from './decode.ts'
import { createEncoder } from './encode/encode.ts'
import type { SpanState } from './ingest.ts'
import { outcomeOfPackage } from './package-outcome.ts'
import { createReadableSpans } from './readable-span.ts'
import { detectOrigin } from './resource.ts'
import { isRestored } from './restored-item.ts'
import type { OtelConfig } from './schema.ts'
import { isEncoded, isSdkSpan } from './span-item.ts'
import { readTlsFiles } from './tls-files.ts'

// The key of @opentelemetry/core, which makes it from Symbol.for: instrumented http leaves our own requests alone.
const suppressTracing = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

type PackageOptions = NonNullable<ConstructorParameters<typeof OTLPTraceExporter>[0]>

/** The package would mix these into headers that the configuration has already decided. */
const headerVariables = ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS']

/** Queue, breaker and `max_in_flight` bound what is under way; an export given up on must not block the next. */
const concurrencyLimit = 2000

/**
 * OpenTelemetry's own `OTLPTraceExporter`, unmodified. It retries by itself inside `timeout` and hides Retry-After,
 * partial success and which of 429, 502, 503 and 504 it met: outcomes are what it reports. A retry it still has
 * planned when it is given up on keeps its timer (and so the process) until then; the retry itself is refused. Behind a
 * proxy every connection is a tunnel (CONNECT), also of plain http, and each failure is ambiguous.
 */
export async function openPackageClient(
  config: OtelConfig,
  { clock, forbidAddress }: OpenContext<SpanState, OtelConfig>,
): Promise<OtelClient> {
  const url = new URL(config.endpoint)
  const chosen = proxyFor(url.href, config)
  const proxy = chosen === undefined ? undefined : parseProxy(chosen)
  if (forbidAddress) {
    refuseForbidden(url, forbidAddress)
    if (proxy) refuseForbidden(proxy.url, forbidAddress)
    if (proxy) refuseUnresolved(url.hostname.replace(/^\[(.*)\]$/, '$1'))
  }
  const { headers } = config
  const [tls, origin] = await Promise.all([readTlsFiles(config), detectOrigin(config)])
  const connections = openConnections(
    { tls, proxy, alwaysTunnel: true, ...(forbidAddress && { forbidAddress }) },
    url.protocol === 'https:',
  )
  const redact = redactor([...secretsOf(headers, url), ...(proxy?.secrets ?? [])])
  const readable = createReadableSpans(origin)
  const underWay = new Set<Promise<unknown>>()
  let established = 0
  let exporter: OTLPTraceExporter | undefined
  let exporterTimeout = 0

  const { agent } = connections
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (...args) => {
    const socket = connect(...args)
    socket?.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => established++)
    return socket
  }

  /** `timeout` is a hot key, the package's is for life: a new one is cheap and shares the connections. */
  const exporterFor = (timeoutMillis: number): OTLPTraceExporter => {
    if (exporter === undefined || exporterTimeout !== timeoutMillis) {
      exporterTimeout = timeoutMillis
      exporter = withoutVariables(
        headerVariables,
        () =>
          new OTLPTraceExporter({
            url: url.href,
            headers,
            timeoutMillis,
            concurrencyLimit,
            compression: config.compression as PackageOptions['compression'],
            httpAgentOptions: () => agent,
            userAgent: `telemachine/${version}`,
          }),
      )
    }
    return exporter
  }

  const send: OtelClient['export'] = (batch, { signal, config: current }) =>
    new Promise<Outcome>((resolve) => {
      if (signal.aborted) return resolve({ type: 'retry', cause: gaveUp() })
      const before = established
      const kept = connections.count() > 0
      const mayHaveArrived = (): boolean => proxy !== undefined || kept || established > before
      const onAbort = (): void => resolve({ type: 'retry', ambiguous: true, cause: gaveUp() })
      signal.addEventListener('abort', onAbort, { once: true })
      const spans = batch.map((item) => {
        if (isEncoded(item) || isRestored(item)) return readable(decodeSpan(item))
        return isSdkSpan(item) ? item : readable(item)
      })
      const active = otelContext.active().setValue(suppressTracing, true)
      otelContext.with(active, () =>
        exporterFor(current.timeout * 1000).export(spans, (result) => {
          signal.removeEventListener('abort', onAbort)
          resolve(outcomeOfPackage(result, mayHaveArrived(), redact, url))
        }),
      )
    })

  const close: OtelClient['close'] = async ({ deadline }) => {
    if (underWay.size > 0) await settledWithin(clock, deadline - clock.now(), Promise.allSettled(underWay))
    agent.createConnection = () => {
      throw new TelemetryError('HTTP_CLOSED', `the client of ${url.origin} is closed`)
    }
    await connections.destroy()
  }

  return {
    export: (batch, context) => {
      const sent = send(batch, context).catch(
        (thrown: unknown): Outcome => ({
          type: 'refused',
          unhealthy: true,
          cause: new TelemetryError('OTEL_EXPORT_FAILED', redact(messageOf(thrown))),
        }),
      )
      underWay.add(sent)
      return sent.finally(() => underWay.delete(sent))
    },
    // Its serializer keeps no promise of size.
    requestBytes: 0,
    encoder: createEncoder(origin),
    proxy: proxy?.origin,
    close,
  }
}

const gaveUp = (): TelemetryError =>
  new TelemetryError(
    'OTEL_EXPORT_GIVEN_UP',
    "OpenTelemetry's exporter did not answer before the attempt ended",
  )

/** The constructor reads the environment while it runs, and only then. */
function withoutVariables<T>(names: readonly string[], run: () => T): T {
  const kept = names.map((name) => [name, process.env[name]] as const)
  for (const name of names) delete process.env[name]
  try {
    return run()
  } finally {
    for (const [name, value] of kept) if (value !== undefined) process.env[name] = value
  }
}
