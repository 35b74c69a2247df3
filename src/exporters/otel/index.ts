import { TelemetryError } from '../../errors.ts'
import { defineExporter, type ExporterDefinition, type OpenContext } from '../exporter.ts'
import type { HeadersFunction, HeadersMemory } from '../http/headers-function.ts'
import type { OtelClient } from './client.ts'
import { certificateProblems } from './connection-keys.ts'
import type { ObtainedBy } from './credentials.ts'
import { compacting } from './encode/slabs.ts'
import { createSpanState, expireSpans, ingestSpanEvent, type SpanState } from './ingest.ts'
import { packedBy, packItems, unpackItems } from './packing.ts'
import { type OtelConfig, type OtelSchema, otelSchema } from './schema.ts'
import { traces } from './signal.ts'
import type { SpanItem } from './span-item.ts'
import { concernsSpans } from './spans/names.ts'
import { sizeOfItem } from './spans/size.ts'

/** Options of `otel()`. */
export interface OtelOptions {
  /**
   * Obtains headers that expire, such as `authorization`; they win over those of the configuration. It is called before
   * the first batch, before they expire, after a 401 or 403, and when the destination changes. Each exporter of the type
   * `otel` calls it for itself.
   */
  readonly headers?: HeadersFunction
  /** How long one call of `headers` may take, in milliseconds. Default: 10,000. */
  readonly headersTimeoutMs?: number
}

/** Rules across keys. `obtains`: the program gives the headers by a function. */
function problemsOf(config: OtelConfig, obtains: boolean): readonly (readonly [string, string])[] {
  const { client, headers_file } = config
  const problems: (readonly [key: string, message: string])[] = [...certificateProblems(config)]
  if (obtains && headers_file)
    problems.push(['headers_file', 'must be unset where otel({ headers }) gives the headers'])
  if (client === 'package' && (obtains || headers_file))
    problems.push(['client', 'must be native where the headers come from otel({ headers }) or headers_file'])
  return problems
}

/** Loads what it needs when it first opens. */
async function openClient(
  config: OtelConfig,
  context: OpenContext<SpanState, OtelConfig>,
  obtainedBy: ObtainedBy,
): Promise<OtelClient> {
  if (config.client === 'package') {
    const { openPackageClient } = await import('./package-client.ts')
    return openPackageClient(config, context)
  }
  const { openNativeClient } = await import('./native-client.ts')
  return openNativeClient(config, context, traces, obtainedBy)
}

/**
 * The OTLP exporter: spans from events, sent over HTTP as protobuf. Loads what it needs when it first opens.
 * @throws TelemetryError `EXPORTER_DEFINITION_INVALID` when an option is invalid.
 */
export function otel(
  options: OtelOptions = {},
): ExporterDefinition<unknown, unknown, unknown, OtelSchema, 'otel'> {
  const { headers, headersTimeoutMs = 10_000 } = options
  if (headers !== undefined && typeof headers !== 'function')
    throw new TelemetryError('EXPORTER_DEFINITION_INVALID', 'otel({ headers }) must be a function')
  if (!(headersTimeoutMs > 0))
    throw new TelemetryError('EXPORTER_DEFINITION_INVALID', 'otel({ headersTimeoutMs }) must be above 0')
  const obtainedBy = { headers, headersTimeoutMs, memories: new WeakMap<SpanState, HeadersMemory>() }
  return defineExporter<OtelClient, SpanState, SpanItem, OtelSchema, 'otel'>({
    type: 'otel',
    schema: otelSchema,
    validate: (config) => problemsOf(config, headers !== undefined),
    state: createSpanState,
    open: async (config, context) => packedBy(await openClient(config, context, obtainedBy), context.state),
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
    pack: packItems,
    unpack: unpackItems,
    export: (client, batch, context) => {
      context.state.encoder = client.encoder
      return compacting(batch, () => client.export(batch, context))
    },
    close: (client, context) => client.close(context),
    probe: (client, context) => client.export([], context),
    describe: (client, { open }) => ({
      openSpans: open.size,
      openIds: open.ids,
      ...(client?.proxy && { proxy: client.proxy }),
    }),
  })
}
