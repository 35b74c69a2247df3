import type { EcosystemVariable, ExporterSchema, KeySchema } from '../exporter.ts'
import { proxyKeys } from '../proxy-keys.ts'
import type { Signal } from './signal.ts'
import { endpointVariables, headerVariables, otlp } from './signal-variables.ts'
import { compression, milliseconds, resourceAttributes } from './variables.ts'

/** Endpoints that speak something else than OTLP over HTTP, by their port and path. */
const otherProtocols: readonly { readonly what: string; readonly port: string; readonly path: RegExp }[] = [
  { what: "Jaeger's own protocol", port: '14268', path: /^\/api\/traces\/?$/ },
  { what: "Zipkin's protocol", port: '9411', path: /^\/api\/v[12]\/spans\/?$/ },
  { what: 'OTLP over gRPC', port: '4317', path: /^$/ },
]

/** An endpoint of another protocol answers every request with an error, if it answers at all. */
const otherProtocol =
  ({ path }: Signal) =>
  (endpoint: unknown): string | undefined => {
    if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) return undefined
    const { protocol, hostname, port, pathname } = new URL(endpoint)
    const found = otherProtocols.find((one) => one.port === port || one.path.test(pathname))
    if (!found) return undefined
    const right = `${protocol}//${hostname}:4318/${path}`
    return `is an endpoint of ${found.what}, not of OTLP over HTTP: that is ${right} by default`
  }

/** A key that every exporter has, for which OpenTelemetry has variables too. */
export const common = (key: KeySchema, ...env: EcosystemVariable[]): KeySchema => ({ ...key, env })

/** A key that names a PEM file. */
const tlsFile = (doc: string, env: readonly EcosystemVariable[]) =>
  ({
    format: 'file-path',
    default: null,
    nullable: true,
    change: 'rebuild',
    doc: `PEM file with ${doc}`,
    env,
  }) as const

/** The files of a connection by TLS to a `peer`. `variablesOf`: the variables of a key, by its name in capitals. */
export const tlsFileKeys = (
  peer: string,
  variablesOf: (key: string) => readonly EcosystemVariable[] = () => [],
) => ({
  certificate: tlsFile(
    `the authorities that the certificate of the ${peer} is checked against, instead of those that Node.js trusts.`,
    variablesOf('CERTIFICATE'),
  ),
  client_certificate: tlsFile(
    'the certificate chain of this client; with client_key.',
    variablesOf('CLIENT_CERTIFICATE'),
  ),
  client_key: tlsFile('the private key of this client; with client_certificate.', variablesOf('CLIENT_KEY')),
})

/** The keys of a connection to an OTLP endpoint. `batchTimeout`: the variable of the SDK's batch processor. */
export const connectionKeys = (signal: Signal, batchTimeout: string) =>
  ({
    endpoint: {
      format: 'http-url',
      default: `http://localhost:4318/${signal.path}`,
      change: 'rebuild',
      doc: `URL that ${signal.items} are posted to, with its path.`,
      hint: otherProtocol(signal),
      env: endpointVariables(signal),
    },
    endpoints: {
      format: 'http-urls',
      default: null,
      nullable: true,
      change: 'rebuild',
      insteadOf: 'endpoint',
      doc: `URLs instead of endpoint, the preferred one first: when the circuit breaker of one opens, ${signal.items} go to the next, until a probe shows that the preferred one is healthy again.`,
      hint: (urls) => (Array.isArray(urls) ? urls.map(otherProtocol(signal)).find(Boolean) : undefined),
    },
    headers: {
      format: 'headers',
      default: {},
      change: 'rebuild',
      sensitive: true,
      doc: 'Headers of every request, such as an API key.',
      env: headerVariables(signal),
    },
    headers_file: {
      format: 'file-path',
      default: null,
      nullable: true,
      change: 'rebuild',
      doc: 'File with more headers of every request, which win over `headers`: JSON, or lines such as `authorization = Bearer …`. It is read again when it changes, and after a 401 or 403.',
    },
    ...proxyKeys,
    compression: {
      format: ['none', 'gzip'],
      default: 'none',
      change: 'rebuild',
      doc: 'Compression of requests.',
      env: otlp(signal, 'COMPRESSION', compression),
    },
    timeout: {
      format: 'seconds',
      default: 10,
      min: 0.001,
      max: 3600,
      unit: 's',
      change: 'hot',
      doc: 'How long one attempt to deliver a batch may take.',
      env: [...otlp(signal, 'TIMEOUT', milliseconds), { name: batchTimeout, read: milliseconds }],
    },
    ...tlsFileKeys('backend', (key) => otlp(signal, key)),
  }) as const satisfies ExporterSchema

/** The keys of the resource that everything a process sends has in common. */
export const resourceKeys = {
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
} as const satisfies ExporterSchema

/** A client certificate and its key stand together. */
export const certificateProblems = ({
  client_certificate,
  client_key,
}: {
  readonly client_certificate: string | null
  readonly client_key: string | null
}): readonly (readonly [key: string, message: string])[] => {
  if (Boolean(client_certificate) === Boolean(client_key)) return []
  return client_key
    ? [['client_certificate', 'must be given together with client_key']]
    : [['client_key', 'must be given together with client_certificate']]
}
