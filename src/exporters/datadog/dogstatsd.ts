import { messageOf, TelemetryError } from '../../errors.ts'
import type { Outcome } from '../outcome.ts'
import type { DatadogClient } from './client.ts'
import { isPending, type MetricItem, type Part, parts } from './item.ts'
import { withOrigin } from './payload.ts'
import { type DatadogConfig, originOf } from './schema.ts'

/** As much of hot-shots as is used here. */
interface StatsD {
  readonly socket: unknown
  increment(stat: string, value: number, tags: readonly string[]): void
  gauge(stat: string, value: number, tags: readonly string[]): void
  distribution(stat: string, value: number, tags: readonly string[]): void
  flush(callback: (error?: Error | null) => void): void
  close(callback: (error?: Error | null) => void): void
}
type Failure = Extract<Outcome, { type: 'retry' }>
type StatsDConstructor = new (options: Readonly<Record<string, unknown>>) => StatsD

/** A datagram that no network between here and a local agent cuts, and the most that Datadog advises for a socket. */
const udpBytes = 1432
const udsBytes = 8192
/** hot-shots would flush by itself between our datagrams; each is flushed as it is made. */
const neverMs = 2 ** 31 - 1

/**
 * To a local agent. UDP has no answer: delivered means handed to the network. Throws a TelemetryError
 * `DATADOG_HOT_SHOTS_MISSING` without the package, `DATADOG_AGENT_UNREACHABLE` when the socket cannot be opened.
 */
export async function openDogStatsd(config: DatadogConfig): Promise<DatadogClient> {
  const StatsD = await loadHotShots()
  const { socket_path: path, agent_host: host, agent_port: port } = config
  const most = path === null ? udpBytes : udsBytes
  const errors: unknown[] = []
  const statsd = new StatsD({
    ...(path === null ? { protocol: 'udp', host, port } : { protocol: 'uds', path }),
    maxBufferSize: most,
    bufferFlushInterval: neverMs,
    // Tags and metrics are ours; from its own variables hot-shots would add them a second time.
    includeDataDogTags: false,
    includeDatadogTelemetry: false,
    datadog: false,
    // Without one it would print, and throw.
    errorHandler: (error: unknown) => {
      if (errors.length < 10) errors.push(error)
    },
  })
  const address = path === null ? `udp://${host}:${port}` : `unix://${path}`
  if (!statsd.socket) {
    throw new TelemetryError(
      'DATADOG_AGENT_UNREACHABLE',
      `${address} cannot be opened: ${messageOf(errors[0] ?? 'no reason given')}`,
    )
  }

  const flush = (): Promise<unknown> => new Promise((resolve) => statsd.flush((error) => resolve(error)))

  /** Sends one datagram; undefined when it went. */
  const sendDatagram = async (lines: readonly Line[]): Promise<Failure | undefined> => {
    for (const { kind, metric, value, tags } of lines) {
      if (kind === 'count') statsd.increment(metric, value, tags)
      else if (kind === 'gauge') statsd.gauge(metric, value, tags)
      else statsd.distribution(metric, value, tags)
    }
    const error = await flush()
    if (!error) return undefined
    const message = `no datagram to ${address}: ${messageOf(error)}`
    return { type: 'retry', cause: new TelemetryError('DATADOG_AGENT_UNREACHABLE', message) }
  }

  const sendPart = async (
    item: MetricItem,
    part: Part,
    datagram: Datagram,
    tags: readonly string[],
  ): Promise<Outcome | undefined> => {
    for (const line of linesOf(item, part, tags)) {
      if (datagram.bytes + line.bytes > most) {
        const failed = await datagram.send()
        if (failed) return failed
      }
      datagram.add(line)
    }
    datagram.completes(item, part)
    return undefined
  }

  return {
    send: async (batch, { signal, config: current }) => {
      const origin = originOf(current)
      const datagram = createDatagram(sendDatagram)
      for (const item of batch) {
        const tags = withOrigin(item.tags, origin)
        for (const part of parts) {
          if (!isPending(item, part)) continue
          if (signal.aborted) return { type: 'retry', cause: signal.reason }
          const failed = await sendPart(item, part, datagram, tags)
          if (failed) return failed
        }
      }
      return datagram.send()
    },
    close: () => new Promise((resolve) => statsd.close(() => resolve())),
    facts: { url: address },
  }
}

async function loadHotShots(): Promise<StatsDConstructor> {
  try {
    // A literal, so that bundlers include the package where it is installed; a string, so that no type check needs it.
    const { StatsD } = (await import('hot-shots' as string)) as { StatsD: StatsDConstructor }
    return StatsD
  } catch (error) {
    throw new TelemetryError(
      'DATADOG_HOT_SHOTS_MISSING',
      `transport = "dogstatsd" needs the package hot-shots (npm install hot-shots), which cannot be loaded: ${messageOf(error)}`,
    )
  }
}

interface Line {
  readonly kind: 'count' | 'gauge' | 'distribution'
  readonly metric: string
  readonly value: number
  readonly tags: readonly string[]
  readonly bytes: number
}

function linesOf(item: MetricItem, part: Part, tags: readonly string[]): Line[] {
  const { series, distribution } = item
  const tagBytes = Buffer.byteLength(tags.join(','))
  const line = (kind: Line['kind'], metric: string, value: number): Line => ({
    ...{ kind, metric, value, tags },
    // `metric:value|d|#tags` and a line break.
    bytes: metric.length + String(value).length + tagBytes + 6,
  })
  if (part === 'series') return series ? [line(series.type, series.metric, series.value)] : []
  return distribution
    ? distribution.values.map((value) => line('distribution', distribution.metric, value))
    : []
}

interface Datagram {
  readonly bytes: number
  add(line: Line): void
  /** Everything of this part is in datagrams that went or in this one: it has arrived once this one goes. */
  completes(item: MetricItem, part: Part): void
  send(): Promise<Outcome | undefined>
}

function createDatagram(transmit: (lines: readonly Line[]) => Promise<Failure | undefined>): Datagram {
  let lines: Line[] = []
  let bytes = 0
  let datagramsSent = 0
  let complete: (readonly [MetricItem, Part])[] = []
  return {
    get bytes() {
      return bytes
    },
    add(line) {
      lines.push(line)
      bytes += line.bytes
    },
    completes(item, part) {
      complete.push([item, part])
    },
    async send() {
      const [sent, done] = [lines, complete]
      lines = []
      bytes = 0
      complete = []
      const failed = sent.length > 0 ? await transmit(sent) : undefined
      // The first datagrams of a part may have arrived; a retry sends the whole part again.
      if (failed) return datagramsSent > 0 ? { ...failed, ambiguous: true } : failed
      datagramsSent++
      for (const [item, part] of done) item.arrived[part] = true
      return undefined
    },
  }
}
