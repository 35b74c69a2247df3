import type { ServerResponse } from 'node:http'
import type { ExporterStatus } from '../status.ts'
import { commonHeaders } from './answer.ts'
import type { AdminTelemetry } from './port.ts'
import { hasBreaker } from './routes.ts'

/** The messages to a follower: what differs from the messages before. */
export interface Feed {
  /** False when there are too many followers. */
  follow(response: ServerResponse): boolean
  readonly followers: number
  close(): void
}

/** Followers see changes at most this much later, and however many there were as one. */
const periodMs = 100
/** Proxies drop connections that say nothing. */
const heartbeatMs = 15_000
const mostFollowers = 16
/** A follower that does not read is skipped beyond the first and dropped beyond the second. */
const mostBuffered = 256 * 1024
const longestStall = 30_000
/** Two clocks are read for the time of a probe: so much apart, it is another one. */
const sameTimeMs = 250

export const eventHeaders = { 'content-type': 'text/event-stream; charset=utf-8' }

interface Follower {
  readonly response: ServerResponse
  /** The text of each topic it was sent last. */
  readonly sent: Map<string, string>
  wroteAt: number
}

type Topics = ReadonlyMap<string, string>

/**
 * The control plane as server-sent events: `state`, `config` and `history`, each a whole JSON document that is
 * sent again when it has changed. One timer serves all followers; it does not run without followers. `state` says
 * whether there is a fleet to ask for.
 */
export function createFeed(telemetry: AdminTelemetry, hasFleet: boolean): Feed {
  const followers = new Set<Follower>()
  const probes = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined

  /** When an open breaker probes, in epoch milliseconds: the same number as long as nothing but time passes. */
  const probeAt = (id: string, { probeInMs }: ExporterStatus): number | null => {
    if (probeInMs === null) {
      probes.delete(id)
      return null
    }
    const at = Math.round(Date.now() + probeInMs)
    const before = probes.get(id)
    if (before !== undefined && Math.abs(at - before) < sameTimeMs) return before
    probes.set(id, at)
    return at
  }

  const look = (): Topics => {
    const { config, history, ...status } = telemetry.status({ history: true })
    const charts = telemetry.snapshot()
    const shown = Object.entries(status.exporters).map(([id, exporter]) => [
      id,
      { ...exporterOf(exporter), probeAt: probeAt(id, exporter), charts: charts.exporters[id] },
    ])
    const system = { name: status.system, chart: charts.system }
    return new Map(
      Object.entries({
        state: { system, fleet: hasFleet, bus: status.bus, exporters: Object.fromEntries(shown) },
        config,
        history: history ?? [],
      }).map(([topic, value]) => [topic, JSON.stringify(value)]),
    )
  }

  const send = (follower: Follower, topics: Topics): void => {
    const { response, sent } = follower
    const now = performance.now()
    if (response.writableLength > mostBuffered) {
      if (now - follower.wroteAt > longestStall) response.destroy()
      return
    }
    let text = ''
    for (const [topic, data] of topics) {
      if (sent.get(topic) === data) continue
      sent.set(topic, data)
      text += `event: ${topic}\ndata: ${data}\n\n`
    }
    if (text === '' && now - follower.wroteAt > heartbeatMs) text = ': alive\n\n'
    if (text === '') return
    follower.wroteAt = now
    response.write(text)
  }

  const tick = (): void => {
    const topics = look()
    for (const follower of followers) send(follower, topics)
  }

  const forget = (follower: Follower): void => {
    followers.delete(follower)
    if (followers.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  return {
    follow(response) {
      if (followers.size >= mostFollowers) return false
      const follower: Follower = { response, sent: new Map(), wroteAt: performance.now() }
      response.writeHead(200, {
        ...commonHeaders,
        ...eventHeaders,
        'x-accel-buffering': 'no',
      })
      response.write(`event: clock\ndata: ${Date.now()}\n\n`)
      response.once('close', () => forget(follower))
      followers.add(follower)
      if (!timer) {
        timer = setInterval(tick, periodMs)
        timer.unref()
      }
      send(follower, look())
      return true
    },
    get followers() {
      return followers.size
    },
    close() {
      for (const { response } of followers) response.end()
    },
  }
}

/** Without its configuration: that is fetched when its version changes, not ten times a second. */
function exporterOf(exporter: ExporterStatus): Record<string, unknown> {
  const { config, probeInMs, ...rest } = exporter
  return { ...rest, pulled: !hasBreaker(exporter), queueSize: config.queue_size ?? null }
}
