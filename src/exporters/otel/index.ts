import { defineExporter, type ExporterDefinition } from '../exporter.ts'
import type { OtelClient } from './client.ts'
import { compact } from './encode/slabs.ts'
import { type OtelSchema, otelSchema } from './schema.ts'
import { isEncoded, type SpanItem } from './span-item.ts'
import { concernsSpans } from './spans/names.ts'
import { sizeOfItem } from './spans/size.ts'
import { createSpanState, expireSpans, ingestSpanEvent, type SpanState } from './spans.ts'

/** The OTLP exporter: spans from events, sent over HTTP as protobuf. Loads what it needs when it first opens. */
export function otel(): ExporterDefinition<unknown, unknown, unknown, OtelSchema, 'otel'> {
  return defineExporter<OtelClient, SpanState, SpanItem, OtelSchema, 'otel'>({
    type: 'otel',
    schema: otelSchema,
    validate: ({ client_certificate, client_key }) =>
      Boolean(client_certificate) === Boolean(client_key)
        ? []
        : [
            client_key
              ? ['client_certificate', 'must be given together with client_key']
              : ['client_key', 'must be given together with client_certificate'],
          ],
    state: createSpanState,
    open: async (config, context) => {
      if (config.client === 'package') {
        const { openPackageClient } = await import('./package-client.ts')
        return openPackageClient(config, context)
      }
      const { openNativeClient } = await import('./native-client.ts')
      return openNativeClient(config, context)
    },
    accepts: concernsSpans,
    takesSdkSpans: true,
    ingest: ingestSpanEvent,
    tick: expireSpans,
    forget: ({ open, slabs }) => {
      open.clear()
      slabs.clear()
    },
    sizeOf: sizeOfItem,
    requestBytes: (client) => client.requestBytes,
    export: async (client, batch, context) => {
      let settled = false
      try {
        const outcome = await client.export(batch, context)
        settled = outcome.type !== 'retry' && outcome.type !== 'too_large'
        return outcome
      } finally {
        if (!settled) compact(batch.filter(isEncoded))
      }
    },
    close: (client, context) => client.close(context),
    probe: (client, context) => client.export([], context),
    describe: (_client, { open }) => ({ open_spans: open.size, open_ids: open.ids }),
  })
}
