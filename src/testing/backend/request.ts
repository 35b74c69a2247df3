import type { IncomingHttpHeaders } from 'node:http'
import { gunzipSync, inflateSync } from 'node:zlib'
import { messageOf } from '../../errors.ts'
import type { DecodedResource, DecodedScope, DecodedSpan, DecodedTraceRequest } from '../otlp/messages.ts'
import type { OtlpFormat } from '../otlp/response.ts'
import type { OtlpSignal } from '../otlp/signals.ts'
import {
  countSpans,
  decodeMetricsRequest,
  decodeMetricsRequestJson,
  decodeTraceRequest,
  decodeTraceRequestJson,
} from '../otlp-decode.ts'
import type { RequestFault } from './faults.ts'
import { pointsOf, type ReceivedPoint } from './points.ts'

/** A span as a backend keeps it: with what its request said once for many spans. */
export interface ReceivedSpan extends DecodedSpan {
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
  /** Empty where the body was not read, not decoded or only counted. */
  readonly spans: readonly ReceivedSpan[]
  readonly spanCount: number
  /** The data points of a request of metrics. */
  readonly points: readonly ReceivedPoint[]
  readonly pointCount: number
  /** The spans, or data points, counted as accepted. */
  readonly accepted: number
  /** The status answered; undefined where there is none, or not a plain one. */
  readonly status: number | undefined
  readonly fault: RequestFault | undefined
}

type ReadItems = Pick<BackendRequest, 'spans' | 'spanCount' | 'points' | 'pointCount'>

export const noItems: ReadItems = { spans: [], spanCount: 0, points: [], pointCount: 0 }

/** What a body turned out to be, or the error status it deserves. */
export type ReadBody =
  | (ReadItems & { readonly rawBytes: number })
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
  headers: IncomingHttpHeaders,
  limits: BodyLimits,
  signal: OtlpSignal = 'traces',
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
    const rawBytes = raw.length
    if (signal === 'metrics') {
      const points = pointsOf(
        format === 'json' ? decodeMetricsRequestJson(raw.toString()) : decodeMetricsRequest(raw),
      )
      return { ...noItems, points, pointCount: points.length, rawBytes }
    }
    if (limits.decode === 'count' && format === 'protobuf')
      return { ...noItems, spanCount: countSpans(raw), rawBytes }
    const spans = spansOf(
      format === 'json' ? decodeTraceRequestJson(raw.toString()) : decodeTraceRequest(raw),
    )
    return { ...noItems, spans, spanCount: spans.length, rawBytes }
  } catch (error) {
    return { status: 400, problem: messageOf(error) }
  }
}

function spansOf(request: DecodedTraceRequest): ReceivedSpan[] {
  const spans: ReceivedSpan[] = []
  for (const { resource, scopeSpans } of request.resourceSpans)
    for (const { scope, spans: decoded } of scopeSpans)
      for (const span of decoded) spans.push(Object.assign(span, { resource, scope }))
  return spans
}
