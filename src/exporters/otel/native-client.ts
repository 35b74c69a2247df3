import { TelemetryError } from '../../errors.ts'
import { version } from '../../version.ts'
import type { OpenContext } from '../exporter.ts'
import { sendAuthorized } from '../http/credentials.ts'
import { openHttpClient, outcomeOf, proxyFor } from '../http.ts'
import type { Outcome } from '../outcome.ts'
import type { proxyKeys } from '../proxy-keys.ts'
import { statusAdvice, tlsKeys } from './advice.ts'
import { type ObtainedBy, openCredentials } from './credentials.ts'
import { createEncoder, type Encoder } from './encode.ts'
import { rejectedSpans } from './export-response.ts'
import { detectOrigin } from './resource.ts'
import type { OtelConfig } from './schema.ts'
import type { Signal } from './signal.ts'
import type { SpanItem } from './span-item.ts'
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

export interface NativeClient {
  export(
    batch: readonly SpanItem[],
    attempt: { readonly signal: AbortSignal; readonly config: { readonly max_request_bytes: number } },
  ): Promise<Outcome>
  /** Bytes of a request beside its items, at most. */
  readonly requestBytes: number
  readonly encoder: Encoder
  /** The proxy it goes through, without credentials. */
  readonly proxy?: string | undefined
  close(): Promise<void>
}

/** Our encoder and transport, for any signal: every batch is tried once and its outcome is exact. */
export async function openNativeClient(
  config: ConnectionConfig,
  context: Pick<OpenContext<object>, 'clock' | 'logger' | 'state' | 'forbidAddress'>,
  carried: Signal,
  obtainedBy?: ObtainedBy,
): Promise<NativeClient> {
  const { clock, forbidAddress } = context
  const [tls, origin, credentials] = await Promise.all([
    readTlsFiles(config),
    detectOrigin(config),
    openCredentials(config, context, obtainedBy),
  ])
  const encoder = createEncoder(origin)
  const { endpoint: url, headers, compression } = config
  const proxy = proxyFor(url, config)
  const http = openHttpClient({
    url,
    headers: { ...headers, 'content-type': 'application/x-protobuf' },
    compression,
    tls,
    tlsKeys,
    proxy,
    ...(forbidAddress && { forbidAddress }),
    userAgent: `telemachine/${version}`,
    clock,
  })

  const redact = (text: string): string => http.redact(credentials?.redact(text) ?? text)

  return {
    export: async (batch, { signal, config: current }) => {
      const body = encoder.encode(batch)
      if (body.byteLength > current.max_request_bytes) return { type: 'too_large', unsent: true }
      const attempt = await sendAuthorized(credentials, signal, (obtained = {}) =>
        http.post(body, { signal, headers: obtained }),
      )
      let said: TelemetryError | undefined
      const outcome = outcomeOf(attempt, {
        now: clock.now(),
        redact,
        advice: (status) => statusAdvice(status, url, carried),
        partialSuccess: (response, headers) => {
          const { rejected, message } = rejectedSpans(response, headers['content-type'])
          if (rejected > 0 || message !== '')
            said = new TelemetryError(
              'OTEL_PARTIAL_SUCCESS',
              `the backend rejected ${rejected} of ${batch.length} ${carried.items}: ${redact(message) || 'it did not say why'}`,
            )
          return Math.min(rejected, batch.length)
        },
      })
      return outcome.type === 'delivered' && said ? { ...outcome, cause: said } : outcome
    },
    proxy: proxy && new URL(proxy).origin,
    requestBytes: encoder.overheadBytes,
    encoder,
    close: () => http.close(),
  }
}
