import { TelemetryError } from '../../errors.ts'
import { version } from '../../version.ts'
import type { ExportContext, OpenContext } from '../exporter.ts'
import { sendAuthorized } from '../http/credentials.ts'
import { openHttpClient, outcomeOf, proxyFor } from '../http.ts'
import { statusAdvice, tlsKeys } from '../otel/advice.ts'
import { openCredentials } from '../otel/credentials.ts'
import { rejectedSpans } from '../otel/export-response.ts'
import { detectOrigin } from '../otel/resource.ts'
import { metrics } from '../otel/signal.ts'
import { readTlsFiles } from '../otel/tls-files.ts'
import type { Outcome } from '../outcome.ts'
import type { Piece } from './collection.ts'
import { createRequests } from './encode/request.ts'
import type { OtelMetricsConfig } from './settings.ts'
import type { State } from './state.ts'

export interface MetricsClient {
  /** One request with these pieces of a collection. `rejected` of the outcome counts data points. */
  post(
    bytes: Buffer,
    pieces: readonly Piece[],
    context: Pick<ExportContext<State, OtelMetricsConfig>, 'signal'>,
  ): Promise<Outcome>
  /** Bytes of a request beside its pieces, at most. */
  readonly requestBytes: number
  /** The proxy it goes through, without credentials. */
  readonly proxy?: string | undefined
  close(): Promise<void>
}

/** Each request is tried once, and its outcome is exact. */
export async function openMetricsClient(
  config: OtelMetricsConfig,
  context: OpenContext<State, OtelMetricsConfig>,
): Promise<MetricsClient> {
  const { clock, forbidAddress } = context
  const [tls, origin, credentials] = await Promise.all([
    readTlsFiles(config),
    detectOrigin(config),
    openCredentials(config, context),
  ])
  const requests = createRequests(origin)
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
    async post(bytes, pieces, { signal }) {
      const points = pieces.reduce((sum, piece) => sum + piece.points, 0)
      const body = requests.join(bytes, pieces)
      const attempt = await sendAuthorized(credentials, signal, (obtained = {}) =>
        http.post(body, { signal, headers: obtained }),
      )
      let cause: TelemetryError | undefined
      const outcome = outcomeOf(attempt, {
        now: clock.now(),
        redact,
        advice: (status) => statusAdvice(status, url, metrics),
        partialSuccess: (response, received) => {
          const { rejected, message } = rejectedSpans(response, received['content-type'])
          if (rejected > 0 || message !== '')
            cause = new TelemetryError(
              'OTEL_PARTIAL_SUCCESS',
              `the backend rejected ${rejected} of ${points} data points: ${redact(message) || 'it did not say why'}`,
            )
          return Math.min(rejected, points)
        },
      })
      return outcome.type === 'delivered' && cause ? { ...outcome, cause } : outcome
    },
    proxy: proxy && new URL(proxy).origin,
    requestBytes: requests.overheadBytes,
    close: () => http.close(),
  }
}
