import type { Outcome } from '../../delivery/outcome.ts'
import { TelemetryError } from '../../errors.ts'
import { version } from '../../version.ts'
import type { ExportContext, OpenContext } from '../exporter.ts'
import { openHttpClient, outcomeOf } from '../http.ts'
import { statusAdvice, tlsKeys } from '../otel/advice.ts'
import { rejectedSpans } from '../otel/export-response.ts'
import { detectOrigin } from '../otel/resource.ts'
import { metrics } from '../otel/signal.ts'
import { readTlsFiles } from '../otel/tls-files.ts'
import type { State } from './aggregate/state.ts'
import type { Piece } from './collection.ts'
import { createRequests } from './encode/request.ts'
import type { OtelMetricsConfig } from './settings.ts'

export interface MetricsClient {
  /** One request with these pieces of a collection. `rejected` of the outcome counts data points. */
  post(
    bytes: Buffer,
    pieces: readonly Piece[],
    context: Pick<ExportContext<State, OtelMetricsConfig>, 'signal'>,
  ): Promise<Outcome>
  /** Bytes of a request beside its pieces, at most. */
  readonly requestBytes: number
  close(): Promise<void>
}

/** Each request is tried once, and its outcome is exact. */
export async function openMetricsClient(
  config: OtelMetricsConfig,
  { clock, forbidAddress }: OpenContext<State, OtelMetricsConfig>,
): Promise<MetricsClient> {
  const [tls, origin] = await Promise.all([readTlsFiles(config), detectOrigin(config)])
  const requests = createRequests(origin)
  const { endpoint: url, headers, compression } = config
  const http = openHttpClient({
    ...{ url, compression, tls, tlsKeys, clock },
    headers: { ...headers, 'content-type': 'application/x-protobuf' },
    ...(forbidAddress && { forbidAddress }),
    userAgent: `telemachine/${version}`,
  })
  return {
    async post(bytes, pieces, { signal }) {
      const points = pieces.reduce((sum, piece) => sum + piece.points, 0)
      let cause: TelemetryError | undefined
      const outcome = outcomeOf(await http.post(requests.join(bytes, pieces), { signal }), {
        now: clock.now(),
        redact: http.redact,
        advice: (status) => statusAdvice(status, url, metrics),
        partialSuccess: (response, received) => {
          const { rejected, message } = rejectedSpans(response, received['content-type'])
          if (rejected > 0 || message !== '')
            cause = new TelemetryError(
              'OTEL_PARTIAL_SUCCESS',
              `the backend rejected ${rejected} of ${points} data points: ${http.redact(message) || 'it did not say why'}`,
            )
          return Math.min(rejected, points)
        },
      })
      return outcome.type === 'delivered' && cause ? { ...outcome, cause } : outcome
    },
    requestBytes: requests.overheadBytes,
    close: () => http.close(),
  }
}
