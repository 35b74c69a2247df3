import type { DecodedResource, DecodedScope } from '../otlp/messages.ts'
import type { OtlpFormat } from '../otlp/response.ts'
import type { OtlpSignal } from '../otlp/signals.ts'
import {
  countLogRecords,
  countSpans,
  decodeLogsRequest,
  decodeLogsRequestJson,
  decodeMetricsRequest,
  decodeMetricsRequestJson,
  decodeTraceRequest,
  decodeTraceRequestJson,
} from '../otlp-decode.ts'
import { pointsOf } from './points.ts'
import type { Items, ReceivedLogRecord, ReceivedSpan } from './request.ts'

/** How the body of a signal's request is read. */
interface ItemReader {
  /** Counts the items of a protobuf body, by its framing alone where that suffices. */
  count(raw: Buffer): Partial<Items>
  decode(raw: Buffer, format: OtlpFormat): Partial<Items>
}

interface Origin {
  readonly resource: DecodedResource | null
  readonly scope: DecodedScope | null
}

const originated = <Item extends object>(items: readonly Item[], origin: Origin): (Item & Origin)[] =>
  items.map((item) => Object.assign(item, origin))

export const itemReaders: Readonly<Record<OtlpSignal, ItemReader>> = {
  traces: {
    count: (raw) => ({ spanCount: countSpans(raw) }),
    decode: (raw, format) => {
      const request = format === 'json' ? decodeTraceRequestJson(raw.toString()) : decodeTraceRequest(raw)
      const spans: ReceivedSpan[] = request.resourceSpans.flatMap(({ resource, scopeSpans }) =>
        scopeSpans.flatMap(({ scope, spans: decoded }) => originated(decoded, { resource, scope })),
      )
      return { spans, spanCount: spans.length }
    },
  },
  logs: {
    count: (raw) => ({ logRecordCount: countLogRecords(raw) }),
    decode: (raw, format) => {
      const request = format === 'json' ? decodeLogsRequestJson(raw.toString()) : decodeLogsRequest(raw)
      const logRecords: ReceivedLogRecord[] = request.resourceLogs.flatMap(({ resource, scopeLogs }) =>
        scopeLogs.flatMap(({ scope, logRecords: decoded }) => originated(decoded, { resource, scope })),
      )
      return { logRecords, logRecordCount: logRecords.length }
    },
  },
  metrics: {
    // Points are below five kinds of data: no single path of fields leads to them.
    count: (raw) => ({ pointCount: pointsOf(decodeMetricsRequest(raw)).length }),
    decode: (raw, format) => {
      const points = pointsOf(
        format === 'json' ? decodeMetricsRequestJson(raw.toString()) : decodeMetricsRequest(raw),
      )
      return { points, pointCount: points.length }
    },
  },
}
