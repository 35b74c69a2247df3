import type { Outcome } from '../outcome.ts'
import type { ConnectionContext, ObtainedBy } from './credentials.ts'
import { createEncoder, type Encoder } from './encode/encode.ts'
import type { SpanOrigin } from './resource.ts'
import type { Signal } from './signal.ts'
import type { SpanItem } from './span-item.ts'
import { type AbortedAttempt, type ConnectionConfig, openTransport } from './transport.ts'

export interface NativeClient {
  export(
    batch: readonly SpanItem[],
    attempt: AbortedAttempt & { readonly config: { readonly max_request_bytes: number } },
  ): Promise<Outcome>
  /** Bytes of a request beside its items, at most. */
  readonly requestBytes: number
  readonly encoder: Encoder
  /** The proxy it goes through, without credentials. */
  readonly proxy?: string | undefined
  close(): Promise<void>
}

/** Our encoder and transport, for items that are encoded one by one: every batch is tried once and its outcome is exact. */
export async function openNativeClient(
  config: ConnectionConfig,
  context: ConnectionContext,
  carried: Signal,
  obtainedBy?: ObtainedBy,
  encoderOf: (origin: SpanOrigin) => Encoder = createEncoder,
): Promise<NativeClient> {
  const { origin, post, proxy, close } = await openTransport(config, context, carried, obtainedBy)
  const encoder = encoderOf(origin)
  return {
    export: async (batch, attempt) => {
      const body = encoder.encode(batch)
      if (body.byteLength > attempt.config.max_request_bytes) return { type: 'too_large', unsent: true }
      return post(body, batch.length, attempt, encoder.giveBack)
    },
    proxy,
    requestBytes: encoder.overheadBytes,
    encoder,
    close,
  }
}
