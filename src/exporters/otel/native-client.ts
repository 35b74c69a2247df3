import type { Outcome } from '../../delivery/outcome.ts'
import { TelemetryError } from '../../errors.ts'
import { version } from '../../version.ts'
import type { OpenContext } from '../exporter.ts'
import { openHttpClient, outcomeOf } from '../http.ts'
import { statusAdvice, tlsKeys } from './advice.ts'
import { createEncoder } from './encode.ts'
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
  close(): Promise<void>
}

/** Our encoder and transport, for any signal: every batch is tried once and its outcome is exact. */
export async function openNativeClient(
  config: ConnectionConfig,
  { clock, forbidAddress }: Pick<OpenContext<unknown>, 'clock' | 'forbidAddress'>,
  carried: Signal,
): Promise<NativeClient> {
  const [tls, origin] = await Promise.all([readTlsFiles(config), detectOrigin(config)])
  const encoder = createEncoder(origin)
  const { endpoint: url, headers, compression } = config
  const http = openHttpClient({
    url,
    headers: { ...headers, 'content-type': 'application/x-protobuf' },
    compression,
    tls,
    tlsKeys,
    ...(forbidAddress && { forbidAddress }),
    userAgent: `telemachine/${version}`,
    clock,
  })

  return {
    export: async (batch, { signal, config: current }) => {
      const body = encoder.encode(batch)
      if (body.byteLength > current.max_request_bytes) return { type: 'too_large', unsent: true }
      const attempt = await http.post(body, { signal })
      let said: TelemetryError | undefined
      const outcome = outcomeOf(attempt, {
        now: clock.now(),
        redact: http.redact,
        advice: (status) => statusAdvice(status, url, carried),
        partialSuccess: (response, headers) => {
          const { rejected, message } = rejectedSpans(response, headers['content-type'])
          if (rejected > 0 || message !== '')
            said = new TelemetryError(
              'OTEL_PARTIAL_SUCCESS',
              `the backend rejected ${rejected} of ${batch.length} ${carried.items}: ${http.redact(message) || 'it did not say why'}`,
            )
          return Math.min(rejected, batch.length)
        },
      })
      return outcome.type === 'delivered' && said ? { ...outcome, cause: said } : outcome
    },
    requestBytes: encoder.overheadBytes,
    close: () => http.close(),
  }
}
