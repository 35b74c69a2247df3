import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync, inflateSync } from 'node:zlib'

/** What a request is answered with, after it was checked. `undefined`: 202. */
export interface Reply {
  readonly status: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Whether it counts all the same. Default: for 2xx. */
  readonly taken?: boolean
}

export interface Received {
  readonly path: string
  readonly key: string | undefined
  readonly encoding: string | undefined
  readonly bytes: number
  readonly rawBytes: number
  readonly body: { readonly series: readonly Record<string, unknown>[] }
}

/**
 * Datadog's metric intake, as its API reference describes it: two endpoints, their encodings, sizes and bodies. It
 * keeps one point for each metric, tags, host and time, as Datadog does, and adds up what it has.
 */
export interface FakeDatadog {
  readonly url: string
  readonly requests: Received[]
  /** What was wrong with requests: empty, or the exporter breaks the published API. */
  readonly violations: string[]
  /** Keys that are good; none: any. */
  readonly keys: Set<string>
  reply: (request: Received) => Reply | undefined
  listen(): Promise<void>
  close(): Promise<void>
  /** Sum of a count over all its tags and times. */
  total(metric: string): number
  /** Sum of a count by a tag of its. */
  byTags(metric: string): ReadonlyMap<string, number>
  gauge(metric: string): number | undefined
  values(metric: string): number[]
  tagsOf(metric: string): readonly string[]
}

const metricName = /^[a-zA-Z][a-zA-Z0-9_.]{0,199}$/
const encodings: Readonly<Record<string, readonly (string | undefined)[]>> = {
  '/api/v2/series': [undefined, 'deflate', 'gzip'],
  '/api/v1/distribution_points': [undefined, 'deflate'],
}

export function createFakeDatadog(prefix = ''): FakeDatadog {
  const requests: Received[] = []
  const violations: string[] = []
  const points = new Map<string, { metric: string; type: unknown; tags: string[]; value: number }>()
  const distributions = new Map<string, { tags: string[]; values: number[] }>()
  let server: Server | undefined
  let port = 0

  const check = (holds: boolean, what: string): void => {
    if (!holds) violations.push(what)
  }

  const checkCommon = (series: Record<string, unknown>): void => {
    check(metricName.test(String(series.metric)), `illegal metric name ${series.metric}`)
    const tags = series.tags as string[]
    check(Array.isArray(tags), 'tags are no list')
    for (const tag of tags) {
      check([...tag].length <= 200 && /^[\p{L}][^\s,|]*[^:]$|^\p{L}$/u.test(tag), `illegal tag ${tag}`)
      check(tag === tag.toLowerCase(), `a tag that Datadog would rewrite: ${tag}`)
    }
    check(new Set(tags).size === tags.length, 'a tag twice')
  }

  const takeSeries = (series: Record<string, unknown>): void => {
    checkCommon(series)
    check(series.type === 1 || series.type === 3, `type ${series.type}`)
    if (series.type === 1)
      check(Number.isInteger(series.interval) && (series.interval as number) > 0, 'a count without interval')
    for (const point of series.points as { timestamp: number; value: number }[]) {
      check(Number.isInteger(point.timestamp), 'a timestamp that is no integer')
      check(Number.isFinite(point.value), 'a value that is no number')
      const id = JSON.stringify([series.metric, series.tags, series.resources, point.timestamp])
      points.set(id, {
        metric: series.metric as string,
        type: series.type,
        tags: series.tags as string[],
        value: point.value,
      })
    }
  }

  const takeDistribution = (series: Record<string, unknown>): void => {
    checkCommon(series)
    check(series.type === 'distribution', `distribution of type ${series.type}`)
    check(typeof series.host === 'string', 'a distribution without host')
    for (const [timestamp, values] of series.points as [number, number[]][]) {
      check(Number.isInteger(timestamp), 'a timestamp that is no integer')
      check(values.every(Number.isFinite), 'a value that is no number')
      const known = distributions.get(series.metric as string) ?? { tags: [], values: [] }
      known.tags = series.tags as string[]
      known.values.push(...values)
      distributions.set(series.metric as string, known)
    }
  }

  const read = (request: IncomingMessage, wire: Buffer): Received => {
    const encoding = request.headers['content-encoding']
    const raw = encoding === 'deflate' ? inflateSync(wire) : encoding === 'gzip' ? gunzipSync(wire) : wire
    const path = (request.url ?? '').slice(prefix.length)
    check(path in encodings, `unknown path ${request.url}`)
    check(request.method === 'POST', `method ${request.method}`)
    check(encodings[path]?.includes(encoding) === true, `${path} with encoding ${encoding}`)
    check(request.headers['content-type'] === 'application/json', 'no JSON content type')
    check(wire.length <= 512_000, `${wire.length} bytes as sent`)
    check(raw.length <= 5_242_880, `${raw.length} bytes decompressed`)
    const key = request.headers['dd-api-key'] as string | undefined
    check(key !== undefined, 'no DD-API-KEY')
    return { path, key, encoding, bytes: wire.length, rawBytes: raw.length, body: JSON.parse(raw.toString()) }
  }

  const answer = (response: ServerResponse, { status, body, headers }: Reply): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(body ?? (status === 202 ? '{"errors":[]}' : '{"errors":["no"]}'))
  }

  const receive = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const received = read(request, Buffer.concat(chunks))
      requests.push(received)
      if (fake.keys.size > 0 && !fake.keys.has(received.key ?? ''))
        return answer(response, { status: 403, body: `{"errors":["Forbidden: ${received.key}"]}` })
      const reply = fake.reply(received) ?? { status: 202 }
      if (reply.taken ?? reply.status < 300)
        received.body.series.forEach(received.path === '/api/v2/series' ? takeSeries : takeDistribution)
      answer(response, reply)
    })
  }

  const pointsOf = (metric: string) => [...points.values()].filter((point) => point.metric === metric)

  const fake: FakeDatadog = {
    get url() {
      return `http://127.0.0.1:${port}${prefix}`
    },
    requests,
    violations,
    keys: new Set(),
    reply: () => undefined,
    async listen() {
      server = createServer(receive)
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
      port = (server.address() as AddressInfo).port
    },
    async close() {
      const closing = server
      server = undefined
      if (!closing) return
      closing.closeAllConnections()
      closing.close()
      await once(closing, 'close')
    },
    total: (metric) => pointsOf(metric).reduce((sum, { value }) => sum + value, 0),
    byTags(metric) {
      const sums = new Map<string, number>()
      for (const { tags, value } of pointsOf(metric))
        sums.set(tags.join(','), (sums.get(tags.join(',')) ?? 0) + value)
      return sums
    },
    gauge: (metric) => pointsOf(metric).at(-1)?.value,
    values: (metric) => distributions.get(metric)?.values ?? [],
    tagsOf: (metric) =>
      pointsOf(metric).at(-1)?.tags ?? distributions.get(metric)?.tags ?? assert.fail(metric),
  }
  return fake
}
