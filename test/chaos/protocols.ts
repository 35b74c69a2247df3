import type { IncomingMessage } from 'node:http'
import { gunzipSync, inflateSync } from 'node:zlib'
import { messageOf } from '../../src/errors.ts'
import { readBody } from '../../src/testing/backend/request.ts'
import { encodeResponse } from '../../src/testing/otlp/response.ts'

/** What a receiver understands of what it is sent. */
export interface Protocol {
  readonly path: string
  /** What is wrong with a whole request. */
  problem(body: Buffer, request: IncomingMessage): string | undefined
  /** Events in a request, less those of its last `rejected` items. */
  count(body: Buffer, request: IncomingMessage, rejected: number): number
  partial(rejected: number, message: string): { readonly type: string; readonly body: Uint8Array }
}

const limits = { maxRequestBytes: 64 * 2 ** 20, decode: 'full' } as const

/** OTLP: every span weighs two events, its start and its end. */
export const otlp: Protocol = {
  path: '/v1/traces',
  problem(body, { headers, method, url }) {
    if (method !== 'POST' || !url?.startsWith('/v1/traces')) return `${method} ${url}`
    const read = readBody(body, 'traces', headers, limits)
    return 'problem' in read ? read.problem : undefined
  },
  count(body, { headers }, rejected) {
    const read = readBody(body, 'traces', headers, limits)
    return 'problem' in read ? 0 : 2 * Math.max(read.spanCount - rejected, 0)
  },
  partial: (rejected, message) => ({
    type: 'application/x-protobuf',
    body: encodeResponse('traces', 'protobuf', { rejected, message }),
  }),
}

interface Series {
  readonly metric: string
  readonly points: readonly ({ readonly value: number } | readonly [number, readonly number[]])[]
}

function seriesOf(body: Buffer, { headers }: IncomingMessage): readonly Series[] {
  const encoding = headers['content-encoding']
  const raw = encoding === 'gzip' ? gunzipSync(body) : encoding === 'deflate' ? inflateSync(body) : body
  return (JSON.parse(raw.toString()) as { series: Series[] }).series
}

/** Events of one series: counts of one each, or as many values. */
const eventsOf = ({ points }: Series): number =>
  points.reduce((sum, point) => sum + ('value' in point ? point.value : point[1].length), 0)

/** Datadog's metrics, of events that count one or have a duration, and never both. */
export const datadogIntake: Protocol = {
  path: '',
  problem(body, request) {
    try {
      if (!request.headers['dd-api-key']) return 'no API key'
      for (const series of seriesOf(body, request))
        if (!Number.isInteger(eventsOf(series))) return `${series.metric}: ${eventsOf(series)} events`
      return undefined
    } catch (error) {
      return messageOf(error)
    }
  },
  count(body, request, rejected) {
    const series = seriesOf(body, request)
    return series.slice(0, Math.max(series.length - rejected, 0)).reduce((sum, one) => sum + eventsOf(one), 0)
  },
  partial: (rejected, message) => ({
    type: 'application/json',
    body: Buffer.from(
      JSON.stringify({ errors: Array.from({ length: Math.min(rejected, 1_000) }, () => message) }),
    ),
  }),
}
