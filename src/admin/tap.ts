import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TelemetryEvent } from '../bus/event.ts'
import { bytesOf } from '../bus/event-record.ts'
import type { Answer } from '../http-server/answer.ts'
import { ingressOf } from '../ingress.ts'
import { commonHeaders, refusal } from './answer.ts'
import type { AdminTelemetry } from './port.ts'
import { shownEventLine } from './tapped-event.ts'

/** Streams of live events. Without a follower nothing is attached, and no timer runs. */
export interface Taps {
  /** Begins to stream events; an answer instead if the request is refused. */
  follow(request: IncomingMessage, response: ServerResponse): Answer | undefined
  close(): void
}

const periodMs = 100
const periodsPerSecond = 1000 / periodMs
/** Proxies drop connections that say nothing. */
const heartbeatMs = 15_000
const maxTaps = 8
const maxPatterns = 16
const maxPatternLength = 256
const defaultRate = 100
const maxRate = 1000
/** Memory of the events that wait for the next period: about 100 ms. */
const maxPendingBytes = 256 * 1024
/** A follower that does not read is skipped beyond this, and dropped after the time below. */
const maxBufferedBytes = 256 * 1024
const maxStallMs = 30_000

export const tapHeaders = { 'content-type': 'application/x-ndjson; charset=utf-8' }

interface TapQuery {
  readonly patterns: readonly string[]
  /** Events per second. */
  readonly rate: number
}

function readQuery({ url = '' }: IncomingMessage): TapQuery | Answer {
  const query = new URLSearchParams(url.split('?')[1])
  const given = query.getAll('pattern')
  const patterns = given.length === 0 ? ['*'] : given
  if (patterns.length > maxPatterns || patterns.some(({ length }) => length > maxPatternLength)) {
    const limits = `at most ${maxPatterns} patterns of at most ${maxPatternLength} characters`
    return refusal(422, 'TAP_PATTERN_INVALID', `pattern must be given as ${limits}`)
  }
  const text = query.get('rate') ?? String(defaultRate)
  const rate = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (rate < 1 || rate > maxRate) {
    return refusal(
      422,
      'TAP_RATE_INVALID',
      `rate must be a whole number of events per second, 1 to ${maxRate}`,
    )
  }
  return { patterns, rate }
}

/**
 * Streams events as JSON lines: `{ name, time, measurements, metadata, trace_id?, span_id? }`, at most `rate` a second,
 * and `{ "skipped": n }` at most once a second for those left out. An `emit` costs a comparison and an array push per
 * tap; texts are made later, in a timer.
 */
export function createTaps(telemetry: AdminTelemetry): Taps {
  /** Ends of the taps that are open. */
  const open = new Map<ServerResponse, () => void>()
  let opened = 0

  const begin = (
    response: ServerResponse,
    { patterns, rate }: TapQuery,
    redact: (text: string) => string,
  ) => {
    const perPeriod = rate / periodsPerSecond
    let pending: TelemetryEvent[] = []
    let pendingBytes = 0
    let allowance = rate
    let skipped = 0
    let wroteAt = performance.now()
    let toldAt = wroteAt

    const take = (event: TelemetryEvent): void => {
      if (allowance < 1 || pendingBytes > maxPendingBytes) {
        skipped += 1
        return
      }
      allowance -= 1
      pendingBytes += bytesOf(event)
      pending.push(event)
    }

    const tick = (): void => {
      const now = performance.now()
      const events = pending
      pending = []
      pendingBytes = 0
      allowance = Math.min(rate, allowance + perPeriod)
      if (response.writableLength > maxBufferedBytes) {
        skipped += events.length
        if (now - wroteAt > maxStallMs) response.destroy()
        return
      }
      let text = ''
      for (const event of events) text += shownEventLine(event, redact)
      if (skipped > 0 && now - toldAt >= 1000) {
        text += `${JSON.stringify({ skipped })}\n`
        skipped = 0
        toldAt = now
      }
      // An empty line is no event.
      if (text === '' && now - wroteAt > heartbeatMs) text = '\n'
      if (text === '') return
      wroteAt = now
      response.write(text)
    }

    opened += 1
    const detach = telemetry.attach?.(`telemachine.tap.${opened}`, patterns, take)
    const timer = setInterval(tick, periodMs)
    timer.unref()
    const end = (): void => {
      detach?.()
      clearInterval(timer)
      open.delete(response)
    }
    response.once('close', end)
    open.set(response, end)
  }

  return {
    follow(request, response) {
      const query = readQuery(request)
      if ('status' in query) return query
      const ingress = ingressOf(telemetry)
      if (telemetry.attach === undefined || ingress === undefined) {
        // Without the secrets of the configuration nothing can be redacted.
        return refusal(501, 'TAP_UNAVAILABLE', 'only a system that createTelemetry made can be tapped')
      }
      if (open.size >= maxTaps) return refusal(503, 'ADMIN_BUSY', `at most ${maxTaps} taps may be open`)
      // Its client has left meanwhile: no `close` would follow.
      if (response.destroyed) return undefined
      response.writeHead(200, { ...commonHeaders, ...tapHeaders, 'x-accel-buffering': 'no' })
      response.flushHeaders()
      begin(response, query, ingress.redact)
      return undefined
    },
    close() {
      for (const [response, end] of open) {
        end()
        response.end()
      }
    },
  }
}
