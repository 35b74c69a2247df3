import type { MetricItem, Part } from './item.ts'
import type { Origin } from './schema.ts'

/**
 * Published limits of one request: `/api/v2/series` takes 512,000 bytes as sent and 5,242,880 decompressed;
 * `/api/v1/distribution_points` states none, other metric intakes take 3,200,000. A body below the smallest before it
 * is compressed is below all of them after, however badly it compresses.
 */
const mostBytes = 500_000

export interface Payload {
  readonly items: readonly MetricItem[]
  readonly body: Buffer
}

/** Types of `/api/v2/series`. */
const types = { count: 1, gauge: 3 } as const

const head = '{"series":['
const tail = ']}'

/** The bodies that carry a part of these items, each below `limit` bytes unless it is one item alone. */
export function payloadsOf(
  items: readonly MetricItem[],
  part: Part,
  origin: Origin,
  limit: number,
): Payload[] {
  const most = Math.min(limit, mostBytes) - head.length - tail.length
  const payloads: Payload[] = []
  let texts: string[] = []
  let ofThese: MetricItem[] = []
  let bytes = 0
  const finish = (): void => {
    if (texts.length > 0)
      payloads.push({ items: ofThese, body: Buffer.from(`${head}${texts.join(',')}${tail}`) })
    texts = []
    ofThese = []
    bytes = 0
  }
  for (const item of items) {
    const text = part === 'series' ? seriesText(item, origin) : distributionText(item, origin)
    if (text === undefined) continue
    const size = Buffer.byteLength(text) + 1
    if (bytes + size > most) finish()
    texts.push(text)
    ofThese.push(item)
    bytes += size
  }
  finish()
  return payloads
}

function seriesText({ series, timestamp, interval, tags }: MetricItem, origin: Origin): string | undefined {
  if (!series) return undefined
  const { metric, type, value } = series
  return JSON.stringify({
    metric,
    type: types[type],
    ...(type === 'count' && { interval }),
    points: [{ timestamp, value }],
    tags: withOrigin(tags, origin),
    resources: [{ type: 'host', name: origin.host }],
  })
}

function distributionText({ distribution, timestamp, tags }: MetricItem, origin: Origin): string | undefined {
  if (!distribution) return undefined
  const { metric, values } = distribution
  return JSON.stringify({
    metric,
    type: 'distribution',
    points: [[timestamp, values]],
    tags: withOrigin(tags, origin),
    host: origin.host,
  })
}

/** A tag of the event stands for those of the configuration with its key. */
export function withOrigin(tags: readonly string[], origin: Origin): readonly string[] {
  const general = origin.tags.filter(
    ({ key, tag }) => !tags.some((own) => own === tag || own.startsWith(`${key}:`)),
  )
  return general.length === 0 ? tags : [...general.map(({ tag }) => tag), ...tags]
}
