import type { ExportContext, OpenContext } from '../exporter.ts'
import { createEncoder, type Encoder } from '../otel/encode/encode.ts'
import { detectOrigin, type SpanOrigin } from '../otel/resource.ts'
import type { SpanItem } from '../otel/span-item.ts'
import type { MetricsClient } from '../otel-metrics/client.ts'
import { createRequests } from '../otel-metrics/encode/request.ts'
import type { Outcome } from '../outcome.ts'
import { type JetStreamClient, openJetStreamClient, type Published } from './client.ts'
import type { JetStreamConnection } from './connection-keys.ts'
import type { Publishing } from './publishing.ts'

/** The configuration that a client uses. */
type RequestConfig = JetStreamConnection & {
  readonly service_name: string | null
  readonly resource_attributes: readonly string[] | Readonly<Record<string, string>>
}

/** A client that makes a request of each batch. */
export interface RequestClient {
  export(batch: readonly SpanItem[], context: AttemptContext): Promise<Outcome>
  probe(timeoutMs: number): Promise<Outcome>
  /** Bytes of a request beside its items, at most. */
  readonly requestBytes: number
  readonly encoder: Encoder
  close(): Promise<void>
}

/** A client of metrics, whose batches may take several requests each. */
export type CollectionClient = MetricsClient & Pick<RequestClient, 'probe'>

/** The context that an attempt uses. */
type AttemptContext = Pick<
  ExportContext<unknown, { readonly max_request_bytes: number }>,
  'signal' | 'config' | 'deadline' | 'clock' | 'weight'
>

/** One attempt to publish a request: as large as both sides permit. */
function attempt(
  client: JetStreamClient,
  request: Uint8Array,
  id: string,
  { signal, config, deadline, clock, weight = 0 }: AttemptContext,
): Promise<Outcome> {
  if (request.byteLength > Math.min(config.max_request_bytes, client.maxBytes))
    return Promise.resolve({ type: 'too_large', unsent: true })
  return client.publish(request, { id, weight, signal, timeoutMs: deadline - clock.now() })
}

const open = (
  config: RequestConfig,
  context: Pick<OpenContext<unknown>, 'id' | 'forbidAddress'>,
  published: Published,
): Promise<[JetStreamClient, SpanOrigin]> =>
  Promise.all([openJetStreamClient(config, context, published), detectOrigin(config)])

/** Opens a client of spans or log records. */
export async function openRequestClient(
  config: RequestConfig,
  context: Pick<OpenContext<unknown>, 'id' | 'forbidAddress'>,
  { ids, published }: Publishing,
): Promise<RequestClient> {
  const [client, origin] = await open(config, context, published)
  const encoder = createEncoder(origin)
  return {
    export: (batch, attemptContext) => attempt(client, encoder.encode(batch), ids.of(batch), attemptContext),
    probe: client.probe,
    requestBytes: encoder.overheadBytes,
    encoder,
    close: client.close,
  }
}

/** Opens a client of metrics: a batch of collections may take several requests. */
export async function openCollectionClient(
  config: RequestConfig,
  context: Pick<OpenContext<unknown>, 'id' | 'forbidAddress'>,
  { ids, published }: Publishing,
): Promise<CollectionClient> {
  const [client, origin] = await open(config, context, published)
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
