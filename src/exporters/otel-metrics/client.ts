import type { ExportContext, OpenContext } from '../exporter.ts'
import { metrics } from '../otel/signal.ts'
import { openTransport } from '../otel/transport.ts'
import type { Outcome } from '../outcome.ts'
import type { Collection, Piece } from './collection.ts'
import { createRequests, type Requests } from './encode/request.ts'
import type { OtelMetricsConfig } from './settings.ts'
import type { State } from './state.ts'

export interface MetricsClient {
  /** One request with these pieces of a collection. `rejected` of the outcome counts data points. */
  post(
    collection: Pick<Collection, 'bytes' | 'heads'>,
    pieces: readonly Piece[],
    context: Pick<ExportContext<State, OtelMetricsConfig>, 'signal'>,
  ): Promise<Outcome>
  /** Bytes of a request beside its pieces, at most. */
  readonly requestBytes: number
  readonly requests: Requests
  /** The proxy it goes through, without credentials. */
  readonly proxy?: string | undefined
  close(): Promise<void>
}

/** Each request is tried once, and its outcome is exact. */
export async function openMetricsClient(
  config: OtelMetricsConfig,
  context: OpenContext<State, OtelMetricsConfig>,
): Promise<MetricsClient> {
  const { origin, post, proxy, close } = await openTransport(config, context, metrics)
  const requests = createRequests(origin)
  return {
    async post(collection, pieces, attempt) {
      const points = pieces.reduce((sum, piece) => sum + piece.points, 0)
      return post(requests.join(collection, pieces), points, attempt)
    },
    proxy,
    requestBytes: requests.overheadBytes,
    requests,
    close,
  }
}
