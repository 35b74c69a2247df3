import type { ConfigOf, EcosystemVariable, ExporterSchema, KeySchema } from '../exporter.ts'
import { parseHeaderPairs, wrongHeaders } from '../header-pairs.ts'
import { exporterKeys, pushKeys } from '../keys.ts'
import {
  compression,
  generallySpeaksProtobuf,
  milliseconds,
  resourceAttributes,
  samplerArgument,
  samplingRate,
  sdkDisabled,
  speaksProtobuf,
  tracesExporter,
  wholeNumber,
} from './variables.ts'

const traces = 'v1/traces'

/** The signal's path is added to the general endpoint (OTLP exporter specification, endpoint URLs). */
function tracesEndpoint(base: string): string {
  if (!URL.canParse(base)) return base
  const url = new URL(base)
  url.pathname += url.pathname.endsWith('/') ? traces : `/${traces}`
  return url.href
}

/** The general headers; undefined where there are none or they are malformed. */
function generalHeaders(text: string | undefined): [string, string][] | undefined {
  const pairs = text === undefined ? undefined : parseHeaderPairs(text)
  return pairs && wrongHeaders(pairs) === undefined ? pairs : undefined
}

/** The signal's headers come on top of the general ones, as OpenTelemetry's exporters have it. */
function combinedHeaders(text: string, variable: (name: string) => string | undefined): unknown {
  const specific = parseHeaderPairs(text)
  const general = generalHeaders(variable('OTEL_EXPORTER_OTLP_HEADERS'))
  if (specific === undefined || general === undefined) return text
  const names = new Set(specific.map(([name]) => name.toLowerCase()))
  return Object.fromEntries([...general.filter(([name]) => !names.has(name.toLowerCase())), ...specific])
}

/** Malformed general headers are missing beside those of the signal, which does not show otherwise. */
function checkGeneralHeaders(text: string, variable: (name: string) => string | undefined): undefined {
  if (variable('OTEL_EXPORTER_OTLP_TRACES_HEADERS') !== undefined && generalHeaders(text) === undefined)
    throw new Error('must be name=value pairs separated by commas, percent-encoded, of valid headers')
}

const otlp = (key: string, read?: (text: string) => unknown) => [
  { name: `OTEL_EXPORTER_OTLP_TRACES_${key}`, read },
  { name: `OTEL_EXPORTER_OTLP_${key}`, read },
]

/** Endpoints that speak something else than OTLP over HTTP, by their port and path. */
const otherProtocols: readonly { readonly what: string; readonly port: string; readonly path: RegExp }[] = [
  { what: "Jaeger's own protocol", port: '14268', path: /^\/api\/traces\/?$/ },
  { what: "Zipkin's protocol", port: '9411', path: /^\/api\/v[12]\/spans\/?$/ },
  { what: 'OTLP over gRPC', port: '4317', path: /^$/ },
]

/** An endpoint of another protocol answers every request with an error, if it answers at all. */
function otherProtocol(endpoint: unknown): string | undefined {
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) return undefined
  const { protocol, hostname, port, pathname } = new URL(endpoint)
  const found = otherProtocols.find((one) => one.port === port || one.path.test(pathname))
  if (!found) return undefined
  const otlp = `${protocol}//${hostname}:4318/${traces}`
  return `is an endpoint of ${found.what}, not of OTLP over HTTP: that is ${otlp} by default`
}

/** A key that every exporter has, for which OpenTelemetry has variables too. */
const common = (key: KeySchema, ...env: EcosystemVariable[]): KeySchema => ({ ...key, env })

/** The keys of the otel exporter, beside those that every exporter has. */
export const otelSchema = {
  enabled: common(
    exporterKeys.enabled,
    { name: 'OTEL_SDK_DISABLED', read: sdkDisabled },
    { name: 'OTEL_TRACES_EXPORTER', read: tracesExporter },
  ),
  queue_size: common(pushKeys.queue_size, { name: 'OTEL_BSP_MAX_QUEUE_SIZE', read: wholeNumber }),
  batch_size: common(pushKeys.batch_size, { name: 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', read: wholeNumber }),
  flush_interval: common(pushKeys.flush_interval, { name: 'OTEL_BSP_SCHEDULE_DELAY', read: milliseconds }),
  endpoint: {
    format: 'http-url',
    default: 'http://localhost:4318/v1/traces',
    change: 'rebuild',
    doc: 'URL that spans are posted to, with its path.',
    hint: otherProtocol,
    env: [
      { name: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT' },
      { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', read: tracesEndpoint },
    ],
  },
  headers: {
    format: 'headers',
    default: {},
    change: 'rebuild',
    sensitive: true,
    doc: 'Headers of every request, such as an API key.',
    env: [
      { name: 'OTEL_EXPORTER_OTLP_HEADERS', read: checkGeneralHeaders },
      { name: 'OTEL_EXPORTER_OTLP_TRACES_HEADERS', read: combinedHeaders },
      { name: 'OTEL_EXPORTER_OTLP_HEADERS' },
    ],
  },
  compression: {
    format: ['none', 'gzip'],
    default: 'none',
    change: 'rebuild',
    doc: 'Compression of requests.',
    env: otlp('COMPRESSION', compression),
  },
  timeout: {
    format: 'seconds',
    default: 10,
    min: 0.001,
    max: 3600,
    unit: 's',
    change: 'hot',
    doc: 'How long one attempt to deliver a batch may take.',
    env: [...otlp('TIMEOUT', milliseconds), { name: 'OTEL_BSP_EXPORT_TIMEOUT', read: milliseconds }],
  },
  certificate: {
    format: 'file-path',
    default: null,
    nullable: true,
    change: 'rebuild',
    doc: 'PEM file with the authorities that the backend is trusted by, instead of those Node has.',
    env: otlp('CERTIFICATE'),
  },
  client_certificate: {
    format: 'file-path',
    default: null,
    nullable: true,
    change: 'rebuild',
    doc: 'PEM file with the certificate chain of this client; with client_key.',
    env: otlp('CLIENT_CERTIFICATE'),
  },
  client_key: {
    format: 'file-path',
    default: null,
    nullable: true,
    change: 'rebuild',
    doc: 'PEM file with the private key of this client; with client_certificate.',
    env: otlp('CLIENT_KEY'),
  },
  client: {
    format: ['native', 'package'],
    default: 'native',
    change: 'rebuild',
    doc: "`native` sends with exact outcomes; `package` uses OpenTelemetry's own OTLPTraceExporter. That hides which of 429, 502, 503 and 504 was answered, Retry-After and partial success (rejected spans count as delivered), and retries by itself within timeout, so one attempt of ours may be several requests.",
    env: [
      { name: 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', read: speaksProtobuf },
      { name: 'OTEL_EXPORTER_OTLP_PROTOCOL', read: generallySpeaksProtobuf },
    ],
  },
  service_name: {
    format: 'name',
    default: null,
    nullable: true,
    change: 'rebuild',
    doc: 'The service.name of the resource. None: what OTEL_RESOURCE_ATTRIBUTES says, or unknown_service:node.',
    env: [{ name: 'OTEL_SERVICE_NAME' }],
  },
  resource_attributes: {
    format: 'tags',
    default: {},
    change: 'rebuild',
    doc: 'More attributes of the resource; they win over those of OTEL_RESOURCE_ATTRIBUTES.',
    env: [{ name: 'OTEL_RESOURCE_ATTRIBUTES', read: resourceAttributes }],
  },
  sampling_rate: {
    format: 'number',
    default: 1,
    min: 0,
    max: 1,
    change: 'hot',
    doc: 'Share of traces that are kept, decided by the trace id. A remote parent that was or was not sampled decides instead.',
    env: [
      { name: 'OTEL_TRACES_SAMPLER', read: samplingRate },
      { name: 'OTEL_TRACES_SAMPLER_ARG', read: samplerArgument },
    ],
  },
  max_active_spans: {
    format: 'integer',
    default: 10_000,
    min: 1,
    max: 10_000_000,
    unit: 'spans',
    change: 'hot',
    doc: 'Spans that may be open; beyond it the oldest is given up (`span_limit`).',
  },
  span_ttl: {
    format: 'seconds',
    default: 300,
    min: 0.001,
    max: 31_536_000,
    unit: 's',
    change: 'hot',
    doc: 'How long a span may be open; then it is given up (`expired`).',
  },
  max_attributes: {
    format: 'integer',
    default: 128,
    min: 0,
    max: 100_000,
    change: 'hot',
    doc: 'Attributes of a span; the rest is counted in its dropped_attributes_count.',
    env: [
      { name: 'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', read: wholeNumber },
      { name: 'OTEL_ATTRIBUTE_COUNT_LIMIT', read: wholeNumber },
    ],
  },
  max_attribute_length: {
    format: 'integer',
    default: 16_384,
    min: 0,
    max: 10_000_000,
    unit: 'characters',
    change: 'hot',
    doc: 'A longer string value is cut, never inside a character.',
    env: [
      { name: 'OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', read: wholeNumber },
      { name: 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', read: wholeNumber },
    ],
  },
} as const satisfies ExporterSchema

export type OtelSchema = typeof otelSchema

/** The configuration of an otel exporter. */
export type OtelConfig = ConfigOf<OtelSchema>
