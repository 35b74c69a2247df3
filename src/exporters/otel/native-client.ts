import { TelemetryError } from '../../errors.ts'
import type { Config, OpenContext } from '../exporter.ts'
import { type Compression, openHttpClient, outcomeOf } from '../http.ts'
import type { OtelClient } from './client.ts'
import { createEncoder } from './encode.ts'
import { rejectedSpans } from './export-response.ts'
import { detectOrigin, packageVersion } from './resource.ts'
import type { SpanState } from './spans.ts'
import { readTlsFiles } from './tls-files.ts'

/** Our encoder and transport: every batch is tried once and its outcome is exact. */
export async function openNativeClient(
  config: Config,
  { clock, logger, forbidAddress }: OpenContext<SpanState>,
): Promise<OtelClient> {
  const [tls, origin] = await Promise.all([readTlsFiles(config), detectOrigin(config)])
  const encoder = createEncoder(origin)
  const http = openHttpClient({
    url: config.endpoint as string,
    headers: {
      ...(config.headers as Record<string, string>),
      'content-type': 'application/x-protobuf',
    },
    compression: config.compression as Compression,
    tls,
    ...(forbidAddress && { forbidAddress }),
    userAgent: `telemachine/${packageVersion()}`,
    clock,
  })

  return {
    export: async (batch, { signal, config: current }) => {
      const body = encoder.encode(batch)
      if (body.byteLength > (current.max_request_bytes as number)) return { type: 'too_large', unsent: true }
      const attempt = await http.post(body, { signal })
      let said: TelemetryError | undefined
      const outcome = outcomeOf(attempt, {
        now: clock.now(),
        redact: http.redact,
        partialSuccess: (response, headers) => {
          const { rejected, message } = rejectedSpans(response, headers['content-type'])
          if (rejected > 0 || message !== '') said = partialSuccess(rejected, http.redact(message))
          if (said !== undefined) logger.warn({ rejected, message: said.message }, 'partial success')
          return Math.min(rejected, batch.length)
        },
      })
      return said !== undefined && outcome.type === 'delivered' ? { ...outcome, cause: said } : outcome
    },
    requestBytes: encoder.overheadBytes,
    close: () => http.close(),
  }
}

function partialSuccess(rejected: number, message: string): TelemetryError {
  const what =
    rejected > 0
      ? `the backend rejected ${rejected} spans of a batch`
      : 'the backend accepted a batch with a warning'
  return new TelemetryError('OTEL_PARTIAL_SUCCESS', message === '' ? what : `${what}: ${message}`)
}
