import type { OpenContext } from '../exporter.ts'
import { detectOrigin } from '../otel/resource.ts'
import type { MetricsClient } from '../otel-metrics/client.ts'
import { createRequests } from '../otel-metrics/encode/request.ts'
import { openJetStreamClient } from './client.ts'
import type { Publishing } from './publishing.ts'
import { type AttemptContext, attempt, type RequestConfig } from './requests.ts'

/** Opens a client of metrics: a batch of collections may take several requests. */
export async function openCollectionClient(
  config: RequestConfig,
  context: Pick<OpenContext<unknown>, 'id' | 'forbidAddress'>,
  { ids, published }: Publishing,
): Promise<MetricsClient & { probe: Awaited<ReturnType<typeof openJetStreamClient>>['probe'] }> {
  const [client, origin] = await Promise.all([
    openJetStreamClient(config, context, published),
    detectOrigin(config),
  ])
  const requests = createRequests(origin)
  /** Attempts that have sent a request: the weight of a batch travels with its first one. */
  const begun = new WeakSet<object>()
  return {
    post: (collection, pieces, given) => {
      const whole = given as unknown as AttemptContext
      const weight = begun.has(given) ? 0 : (whole.weight ?? 0)
      begun.add(given)
      return attempt(client, requests.join(collection, pieces), ids.of(pieces), { ...whole, weight })
    },
    probe: client.probe,
    requestBytes: requests.overheadBytes,
    requests,
    close: client.close,
  }
}
