import type { IncomingHttpHeaders } from 'node:http'
import { TelemetryError } from '../../errors.ts'
import { type Attempt, outcomeOf, parseRetryAfter, type StatusClass } from '../http/http.ts'
import type { Outcome } from '../outcome.ts'

/**
 * What Datadog's statuses mean for a request of metrics. Its API documents 202, 400, 403, 408, 413 and 429; its own
 * clients try every 5xx again, since that is the platform or something before it.
 */
function classifyDatadog(status: number): StatusClass {
  if (status >= 200 && status < 300) return 'delivered'
  switch (status) {
    case 401:
    case 403:
    case 404:
    case 407:
      return 'misdirected'
    case 413:
      return 'too_large'
    case 408:
    case 429:
      return 'retry'
    case 501:
    case 505:
      return 'refused'
    default:
      return status >= 500 && status < 600 ? 'retry' : 'refused'
  }
}

const longestWaitSeconds = 300

/**
 * Seconds to wait: Retry-After, or else, where a limit was met, X-RateLimit-Reset, the seconds until its period is
 * over, or the whole X-RateLimit-Period. Other answers have these headers too, and mean nothing by them.
 */
export function secondsToWait(status: number, headers: IncomingHttpHeaders, now: number): number | undefined {
  const after = parseRetryAfter(headers['retry-after'], now)
  if (after !== undefined || status !== 429) return after
  for (const name of ['x-ratelimit-reset', 'x-ratelimit-period']) {
    const text = String(headers[name] ?? '').trim()
    const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0
    if (seconds > 0) return Math.min(seconds, longestWaitSeconds)
  }
  return undefined
}

/** The outcome of one request, and the part that Datadog refused of a request it took. */
export interface Answer {
  readonly outcome: Outcome
  /** Errors in the body of a success. */
  readonly errors: readonly string[]
}

export function answerOf(
  attempt: Attempt,
  { now, redact }: { readonly now: number; readonly redact: (text: string) => string },
): Answer {
  let errors: readonly string[] = []
  const outcome = outcomeOf(attempt, {
    now,
    redact,
    classify: classifyDatadog,
    afterSeconds: (headers, at) =>
      attempt.type === 'response' ? secondsToWait(attempt.status, headers, at) : undefined,
    partialSuccess: (body) => {
      errors = errorsIn(body).map((text) => redact(text).slice(0, 500))
      return errors.length
    },
  })
  if (attempt.type === 'failed') return { outcome, errors }
  const { status, from } = attempt
  if (outcome.type === 'misdirected' && status !== 404 && status !== 407) {
    const cause = new TelemetryError(
      'DATADOG_API_KEY_REFUSED',
      `Datadog refused the API key: ${from} answered HTTP ${status}. Check api_key, and that it belongs to the organisation of this site`,
      { cause: outcome.cause },
    )
    return { outcome: { ...outcome, cause }, errors }
  }
  // It gave up in the middle of its work, and may have taken a part.
  if (outcome.type === 'retry' && status >= 500 && status !== 503)
    return { outcome: { ...outcome, ambiguous: true }, errors }
  return { outcome, errors }
}

/** `{ "errors": ["…"] }` beside a 202: the request was taken, these of its values were not. */
function errorsIn(body: Uint8Array): string[] {
  const parsed: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
  if (typeof parsed !== 'object' || parsed === null || !('errors' in parsed)) return []
  const { errors } = parsed
  return Array.isArray(errors) ? errors.map((error) => String(error)) : []
}
