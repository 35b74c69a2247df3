import { defineExporter, type ExporterDefinition } from '../exporter.ts'
import type { OtelClient } from './client.ts'
import { certificateProblems } from './connection-keys.ts'
import { compacting } from './encode/slabs.ts'
import { type OtelSchema, otelSchema } from './schema.ts'
import { traces } from './signal.ts'
import { isEncoded, type SpanItem } from './span-item.ts'
import { concernsSpans } from './spans/names.ts'
import { sizeOfItem } from './spans/size.ts'
import { createSpanState, expireSpans, ingestSpanEvent, type SpanState } from './spans.ts'

/** The OTLP exporter: spans from events, sent over HTTP as protobuf. Loads what it needs when it first opens. */
export function otel(): ExporterDefinition<unknown, unknown, unknown, OtelSchema, 'otel'> {
  return defineExporter<OtelClient, SpanState, SpanItem, OtelSchema, 'otel'>({
    type: 'otel',
    schema: otelSchema,
    validate: certificateProblems,
    state: createSpanState,
    open: async (config, context) => {
      if (config.client === 'package') {
        const { openPackageClient } = await import('./package-client.ts')
        return openPackageClient(config, context)
      }
      const { openNativeClient } = await import('./native-client.ts')
      return openNativeClient(config, context, traces)
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
    export: (client, batch, context) =>
      compacting(
        () => batch.filter(isEncoded),
        () => client.export(batch, context),
      ),
    close: (client, context) => client.close(context),
    probe: (client, context) => client.export([], context),
    describe: (_client, { open }) => ({ open_spans: open.size, open_ids: open.ids }),
  })
}
