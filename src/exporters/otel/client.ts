import type { ExportContext } from '../exporter.ts'
import type { Outcome } from '../outcome.ts'
import type { Encoder } from './encode/encode.ts'
import type { SpanState } from './ingest.ts'
import type { OtelConfig } from './schema.ts'
import type { SpanItem } from './span-item.ts'

/** Two ways to the same backend; which one is a key of the configuration. */
export interface OtelClient {
  export(batch: readonly SpanItem[], context: ExportContext<SpanState, OtelConfig>): Promise<Outcome>
  /** Bytes of a request beside its spans, at most. */
  readonly requestBytes: number
  readonly encoder: Encoder
  /** The proxy it goes through, without credentials. */
  readonly proxy?: string | undefined
  close(context: { readonly deadline: number }): Promise<void>
}
