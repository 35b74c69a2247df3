import type { ExportContext, OpenContext } from '../exporter.ts'
import { createEncoder, type Encoder } from '../otel/encode.ts'
import { detectOrigin } from '../otel/resource.ts'
import type { SpanItem } from '../otel/span-item.ts'
import type { Outcome } from '../outcome.ts'
import { type JetStreamClient, openJetStreamClient } from './client.ts'
import type { JetStreamConnection } from './connection-keys.ts'
import type { Publishing } from './publishing.ts'

/** The configuration that a client of spans or log records uses. */
export type RequestConfig = JetStreamConnection & {
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

/** The context that an attempt uses. */
export type AttemptContext = Pick<
  ExportContext<unknown, { readonly max_request_bytes: number }>,
  'signal' | 'config' | 'deadline' | 'clock' | 'weight'
>

/** One attempt to publish a request: as large as both sides permit. */
export function attempt(
  client: JetStreamClient,
  request: Uint8Array,
  id: string,
  { signal, config, deadline, clock, weight = 0 }: AttemptContext,
): Promise<Outcome> {
  if (request.byteLength > Math.min(config.max_request_bytes, client.maxBytes))
    return Promise.resolve({ type: 'too_large', unsent: true })
  return client.publish(request, { id, weight, signal, timeoutMs: deadline - clock.now() })
}

/** Opens a client of spans or log records. */
export async function openRequestClient(
  config: RequestConfig,
  context: Pick<OpenContext<unknown>, 'id' | 'forbidAddress'>,
  { ids, published }: Publishing,
): Promise<RequestClient> {
  const [client, origin] = await Promise.all([
    openJetStreamClient(config, context, published),
    detectOrigin(config),
  ])
  const encoder: Encoder = createEncoder(origin)
  return {
    export: (batch, attemptContext) => attempt(client, encoder.encode(batch), ids.of(batch), attemptContext),
    probe: client.probe,
    requestBytes: encoder.overheadBytes,
    encoder,
    close: client.close,
  }
}
