import { TelemetryError } from '../../errors.ts'
import type { OpenContext } from '../exporter.ts'
import { sendAuthorized } from '../http/credentials.ts'
import { type Compression, type HttpClient, openHttpClient, proxyFor } from '../http/http.ts'
import type { Outcome } from '../outcome.ts'
import type { State } from './aggregate/contexts.ts'
import { answerOf } from './answers.ts'
import { type KeyObtainedBy, openApiKey } from './api-key.ts'
import type { DatadogClient } from './client.ts'
import { isPending, type MetricItem, type Part, parts } from './item.ts'
import { type Payload, payloadsOf } from './payload.ts'
import { baseUrl, type DatadogConfig, originOf } from './schema.ts'

const paths: Readonly<Record<Part, string>> = {
  series: '/api/v2/series',
  distribution: '/api/v1/distribution_points',
}

/** Straight to Datadog's API: each request is tried once and its outcome is exact. */
export function openAgentless(
  config: DatadogConfig,
  context: OpenContext<State, DatadogConfig>,
  obtainedBy: KeyObtainedBy,
): DatadogClient {
  const { clock, logger, forbidAddress } = context
  const credentials = openApiKey(config, context, obtainedBy)
  const base = baseUrl(config)
  const prefix = base.pathname.replace(/\/+$/, '')
  const { compression } = config
  const proxy = proxyFor(base.href, config)
  const http = (encoding: Compression): HttpClient =>
    openHttpClient({
      url: base.href,
      headers: { 'dd-api-key': config.api_key ?? '', 'content-type': 'application/json' },
      compression: encoding,
      proxy,
      clock,
      ...(forbidAddress && { forbidAddress }),
    })
  const series = http(compression)
  // Its published encodings are deflate and none.
  const distribution = compression === 'gzip' ? http('deflate') : series
  const https: Readonly<Record<Part, HttpClient>> = { series, distribution }

  /** One request, with the API key that is valid now. */
  const post = async (client: HttpClient, body: Uint8Array, signal: AbortSignal, path: string) => {
    const attempt = await sendAuthorized(credentials, signal, (headers = {}) =>
      client.post(body, { signal, path, headers }),
    )
    const redact = (text: string): string => client.redact(credentials?.redact(text) ?? text)
    return { attempt, ...answerOf(attempt, { now: clock.now(), redact }) }
  }

  /** Marks what became of one body's items; returns an outcome that ends the attempt. */
  const settle = (
    { items }: Payload,
    part: Part,
    outcome: Outcome,
    errors: readonly string[],
    state: State,
  ): Outcome | undefined => {
    switch (outcome.type) {
      case 'delivered': {
        if (errors.length > 0) {
          state.lastRefusal = errors[0]
          logger.warn({ errors: errors.slice(0, 5) }, 'Datadog took a request and refused some of its values')
        }
        // It does not say which: as many as it named.
        const taken = items.length - Math.min(outcome.rejected ?? 0, items.length)
        const cause = new TelemetryError(
          'DATADOG_PARTIAL',
          `Datadog refused some values: ${errors[0] ?? 'no reason given'}`,
        )
        items.forEach((item, i) => {
          if (i < taken) item.arrived[part] = true
          else item.fate = { type: 'refused', cause }
        })
        return undefined
      }
      case 'retry':
      case 'misdirected':
        return outcome
      case 'too_large':
        // Halved and sent again by the caller, down to one item.
        if (items.length === 1) items[0]!.fate = outcome
        return undefined
      case 'refused':
        for (const item of items) item.fate = outcome
        return undefined
    }
  }

  const send: DatadogClient['send'] = async (batch, { signal, config: current, state }) => {
    for (const part of parts) {
      const limit = current.max_request_bytes as number
      const pending = batch.filter((item) => isPending(item, part))
      const waiting = payloadsOf(pending, part, originOf(current), limit)
      for (let payload = waiting.shift(); payload; payload = waiting.shift()) {
        const path = `${prefix}${paths[part]}${base.search}`
        const { outcome, errors } = await post(https[part], payload.body, signal, path)
        const stopped = settle(payload, part, outcome, errors, state)
        if (stopped?.type === 'misdirected') return misdirect(batch, stopped)
        if (stopped) return stopped
        if (outcome.type === 'too_large' && payload.items.length > 1)
          waiting.unshift(...halves(payload, part, originOf(current)))
      }
    }
    return undefined
  }

  return {
    send,
    probe: async ({ signal }) => {
      const path = `${prefix}${paths.series}${base.search}`
      const { attempt, outcome } = await post(series, Buffer.from('{"series":[]}'), signal, path)
      // The key is judged before the body, and an empty one is not what an exporter sends.
      return attempt.type === 'response' && attempt.status === 400 ? { type: 'delivered' } : outcome
    },
    close: async () => {
      await Promise.all([series.close(), distribution.close()])
    },
    facts: { url: base.origin + prefix, ...(proxy && { proxy: new URL(proxy).origin }) },
  }
}

/** A wrong key is wrong for the rest of the batch too; what arrived before it was revoked did arrive. */
function misdirect(batch: readonly MetricItem[], outcome: Outcome): undefined {
  for (const item of batch) if (parts.some((part) => isPending(item, part))) item.fate = outcome
  return undefined
}

function halves({ items }: Payload, part: Part, origin: Parameters<typeof payloadsOf>[2]): Payload[] {
  const middle = Math.ceil(items.length / 2)
  return [items.slice(0, middle), items.slice(middle)].flatMap((half) =>
    payloadsOf(half, part, origin, Number.POSITIVE_INFINITY),
  )
}
