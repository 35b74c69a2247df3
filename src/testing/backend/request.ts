import type { IncomingHttpHeaders } from 'node:http'
import { gunzipSync, inflateSync } from 'node:zlib'
import { messageOf } from '../../errors.ts'
import type { DecodedLogRecord } from '../otlp/log-messages.ts'
import type { DecodedResource, DecodedScope } from '../otlp/messages.ts'
import type { OtlpFormat } from '../otlp/response.ts'
import type { OtlpSignal } from '../otlp/signals.ts'
import type { DecodedSpan } from '../otlp/trace-messages.ts'
import type { RequestFault } from './faults.ts'
import { itemReaders } from './item-readers.ts'
import type { ReceivedPoint } from './points.ts'

/** A span as the test backend keeps it, with the resource and scope of its request. */
export interface ReceivedSpan extends DecodedSpan {
  readonly resource: DecodedResource | null
  readonly scope: DecodedScope | null
}

/** A log record as a backend keeps it. */
export interface ReceivedLogRecord extends DecodedLogRecord {
  readonly resource: DecodedResource | null
  readonly scope: DecodedScope | null
}

/** One request that reached a backend. */
export interface BackendRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Bytes of the body as sent. */
  readonly bytes: number
  /** Bytes of the body after decompression. */
  readonly rawBytes: number
  /** Empty where the body was not read, not decoded or only counted, and in a request of another signal. */
  readonly spans: readonly ReceivedSpan[]
  readonly spanCount: number
  /** Like `spans`, for a request with logs. */
  readonly logRecords: readonly ReceivedLogRecord[]
  readonly logRecordCount: number
  /** Like `spans`, for a request with metrics. */
  readonly points: readonly ReceivedPoint[]
  readonly pointCount: number
  /** The spans, log records or data points counted as accepted. */
  readonly accepted: number
  /** The status answered; undefined without an answer, or if it was not plain HTTP. */
  readonly status: number | undefined
  readonly fault: RequestFault | undefined
}

/** The items of a request; those of other signals are empty. */
export type Items = Pick<
  BackendRequest,
  'spans' | 'spanCount' | 'logRecords' | 'logRecordCount' | 'points' | 'pointCount'
>

export const noItems: Items = {
  spans: [],
  spanCount: 0,
  logRecords: [],
  logRecordCount: 0,
  points: [],
  pointCount: 0,
}

/** The count of a signal's items. */
export const counterNames = {
  traces: 'spanCount',
  logs: 'logRecordCount',
  metrics: 'pointCount',
} as const satisfies Record<OtlpSignal, keyof Items>

/** The decoded body, or the error status of an invalid one. */
export type ReadBody =
  | (Items & { readonly rawBytes: number })
  | { readonly status: number; readonly problem: string }

export interface BodyLimits {
  readonly maxRequestBytes: number
  readonly decode: 'full' | 'count'
}

/** The OTLP encoding a content type names. */
export function formatOf(contentType: string | undefined): OtlpFormat | undefined {
  const type = contentType?.split(';')[0]?.trim().toLowerCase()
  if (type === 'application/x-protobuf') return 'protobuf'
  return type === 'application/json' ? 'json' : undefined
}

/** Decompresses and decodes a whole body. */
export function readBody(
  body: Buffer,
  signal: OtlpSignal,
  headers: IncomingHttpHeaders,
  limits: BodyLimits,
): ReadBody {
  const format = formatOf(headers['content-type'])
  if (!format) return { status: 415, problem: `content type ${headers['content-type'] ?? '(none)'}` }
  const encoding = headers['content-encoding']?.trim().toLowerCase() || 'identity'
  if (!['identity', 'gzip', 'deflate'].includes(encoding))
    return { status: 415, problem: `content encoding ${encoding}` }
  let raw = body
  try {
    // One byte more, to tell a body of exactly the limit from a longer one.
    const bounds = { maxOutputLength: limits.maxRequestBytes + 1 }
    if (encoding === 'gzip') raw = gunzipSync(body, bounds)
    if (encoding === 'deflate') raw = inflateSync(body, bounds)
  } catch (error) {
    const tooLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    return { status: tooLong ? 413 : 400, problem: `${encoding}: ${messageOf(error)}` }
  }
  if (raw.length > limits.maxRequestBytes) return { status: 413, problem: `${raw.length} bytes` }
  try {
    const { count, decode } = itemReaders[signal]
    const counted = limits.decode === 'count' && format === 'protobuf'
    return { ...noItems, ...(counted ? count(raw) : decode(raw, format)), rawBytes: raw.length }
  } catch (error) {
    return { status: 400, problem: messageOf(error) }
  }
}
