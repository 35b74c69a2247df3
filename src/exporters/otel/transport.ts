import { TelemetryError } from '../../errors.ts'
import { version } from '../../version.ts'
import { type AbortSource, abortOf } from '../abort-source.ts'
import { sendAuthorized } from '../http/credentials.ts'
import { openHttpClient, outcomeOf, proxyFor } from '../http/http.ts'
import type { Outcome } from '../outcome.ts'
import type { proxyKeys } from '../proxy-keys.ts'
import { statusAdvice, tlsKeys } from './advice.ts'
import { type ConnectionContext, type ObtainedBy, openCredentials } from './credentials.ts'
import { rejectedItems } from './export-response.ts'
import { detectOrigin, type SpanOrigin } from './resource.ts'
import type { OtelConfig } from './schema.ts'
import type { Signal } from './signal.ts'
import { readTlsFiles } from './tls-files.ts'

/** The keys that a connection is made of. */
export type ConnectionConfig = Pick<
  OtelConfig,
  | 'endpoint'
  | 'headers'
  | 'headers_file'
  | keyof typeof proxyKeys
  | 'compression'
  | 'certificate'
  | 'client_certificate'
  | 'client_key'
  | 'service_name'
  | 'resource_attributes'
>

/** The context of an attempt, with its abort source. */
export type AbortedAttempt = Parameters<typeof abortOf>[0]

/** Our own transport of OTLP over HTTP, for any signal. */
export interface Transport {
  /** The resource and scope of what is sent. */
  readonly origin: SpanOrigin
  /**
   * Posts a request of so many items, once. `rejected` of the outcome counts items. `free` is called when the body is
   * certain not to be read again.
   */
  post(
    body: Uint8Array,
    items: number,
    attempt: AbortedAttempt,
    free?: (body: Uint8Array) => void,
  ): Promise<Outcome>
  /** The proxy it goes through, without credentials. */
  readonly proxy: string | undefined
  close(): Promise<void>
}

/** Each request is tried once, and its outcome is exact. */
export async function openTransport(
  config: ConnectionConfig,
  context: ConnectionContext,
  carried: Signal,
  obtainedBy?: ObtainedBy,
): Promise<Transport> {
  const { clock, forbidAddress } = context
  const [tls, origin, credentials] = await Promise.all([
    readTlsFiles(config),
    detectOrigin(config),
    openCredentials(config, context, obtainedBy),
  ])
  const { endpoint: url, headers, compression } = config
  const proxy = proxyFor(url, config)
  const http = openHttpClient({
    ...{ url, compression, tls, tlsKeys, proxy, clock },
    headers: { ...headers, 'content-type': 'application/x-protobuf' },
    ...(forbidAddress && { forbidAddress }),
    userAgent: `telemachine/${version}`,
  })
  const redact = (text: string): string => http.redact(credentials?.redact(text) ?? text)

  return {
    origin,
    post: async (body, items, tried, free) => {
      let written = true
      const send = async (signal: AbortSource, headers: Record<string, string> = {}) => {
        const sent = await http.post(body, { signal, headers })
        written &&= sent.type === 'response' && sent.written === true
        return sent
      }
      const attempt = await (credentials === undefined
        ? send(abortOf(tried))
        : sendAuthorized(credentials, tried.signal, (obtained) => send(tried.signal, obtained)))
      if (written && attempt.type === 'response') free?.(body)
      let cause: TelemetryError | undefined
      const outcome = outcomeOf(attempt, {
        now: clock.now(),
        redact,
        advice: (status) => statusAdvice(status, url, carried),
        partialSuccess: (response, received) => {
          const { rejected, message } = rejectedItems(response, received['content-type'])
          if (rejected > 0 || message !== '')
            cause = new TelemetryError(
              'OTEL_PARTIAL_SUCCESS',
              `the backend rejected ${rejected} of ${items} ${carried.items}: ${redact(message) || 'it did not say why'}`,
            )
          return Math.min(rejected, items)
        },
      })
      return outcome.type === 'delivered' && cause ? { ...outcome, cause } : outcome
    },
    proxy: proxy && new URL(proxy).origin,
    close: () => http.close(),
  }
}
