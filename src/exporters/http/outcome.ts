import type { IncomingHttpHeaders } from 'node:http'
import { TelemetryError } from '../../errors.ts'
import type { Outcome } from '../outcome.ts'
import type { Attempt } from './attempt.ts'
import { excerpt } from './redact.ts'
import { parseRetryAfter } from './retry-after.ts'

/** The meaning of an HTTP status for the batch. */
export type StatusClass = 'delivered' | 'retry' | 'misdirected' | 'too_large' | 'refused'

/**
 * OTLP/HTTP: 429, 502, 503 and 504 may be tried again, everything else is final. 401, 403 and 404 say that the key
 * or the address is wrong, not the data; 407 says it of the credentials for the proxy.
 */
export function classifyStatus(status: number): StatusClass {
  if (status >= 200 && status < 300) return 'delivered'
  switch (status) {
    case 429:
    case 502:
    case 503:
    case 504:
      return 'retry'
    case 401:
    case 403:
    case 404:
    case 407:
      return 'misdirected'
    case 413:
      return 'too_large'
    default:
      return 'refused'
  }
}

/** A backend's answer that is not a success. */
export class HttpStatusError extends TelemetryError {
  readonly status: number
  constructor(status: number, message: string) {
    super('HTTP_STATUS', message)
    this.name = 'HttpStatusError'
    this.status = status
  }
}

export interface OutcomeRules {
  /** Epoch milliseconds, to read a Retry-After date. Default: `Date.now()`. */
  readonly now?: number
  /** Applied to what is quoted of a response. Pass the client's `redact`: backends echo keys in their errors. */
  readonly redact?: (text: string) => string
  /** Items refused, read from the whole body of a success. May throw: an unreadable success is still one. */
  readonly partialSuccess?: (body: Uint8Array, headers: IncomingHttpHeaders) => number | undefined
  /** For backends that are not OTLP. Default: {@link classifyStatus}. */
  readonly classify?: (status: number) => StatusClass
  /** Returns advice for a status that is not a success; it is added to the error. */
  readonly advice?: (status: number) => string | undefined
  /** Seconds to wait before a retry. Default: the Retry-After header. */
  readonly afterSeconds?: (headers: IncomingHttpHeaders, now: number) => number | undefined
}

/**
 * The outcome of one attempt. A success that could not be read to its end is delivered: what a status line has
 * acknowledged is never sent again. 502 and 504 come from a gateway that cannot know whether the backend took the
 * data: they are ambiguous.
 */
export function outcomeOf(attempt: Attempt, rules: OutcomeRules = {}): Outcome {
  if (attempt.type === 'failed') {
    const { cause, sent, stale } = attempt
    return { type: 'retry', cause, ...(sent === 'maybe' && { ambiguous: true }), ...(stale && { stale }) }
  }
  const { status, headers } = attempt
  const type = (rules.classify ?? classifyStatus)(status)
  switch (type) {
    case 'delivered': {
      const rejected = rejectedItems(attempt, rules)
      return rejected > 0 ? { type, rejected } : { type }
    }
    case 'retry': {
      const now = rules.now ?? Date.now()
      const afterSeconds = rules.afterSeconds
        ? rules.afterSeconds(headers, now)
        : parseRetryAfter(headers['retry-after'], now)
      return {
        type,
        cause: statusError(attempt, rules),
        ...(afterSeconds !== undefined && { afterSeconds }),
        ...((status === 502 || status === 504) && { ambiguous: true }),
      }
    }
    case 'too_large':
      return { type }
    case 'misdirected':
      return { type, cause: statusError(attempt, rules) }
    case 'refused':
      return { type, cause: statusError(attempt, rules), ...(status >= 500 && { unhealthy: true }) }
  }
}

const proxyAdvice =
  "it wants a user and a password, or others: write them into the proxy's URL, http://user:password@host:port"

type Response = Extract<Attempt, { type: 'response' }>

function rejectedItems(attempt: Response, rules: OutcomeRules): number {
  if (attempt.cut !== undefined || attempt.body.length === 0) return 0
  try {
    const rejected = rules.partialSuccess?.(attempt.body, attempt.headers) ?? 0
    return Number.isSafeInteger(rejected) ? Math.max(rejected, 0) : 0
  } catch {
    return 0
  }
}

function statusError(attempt: Response, rules: OutcomeRules): HttpStatusError {
  const { status, headers, body, from } = attempt
  if (status >= 300 && status < 400) {
    const target = originOf(headers.location, from)
    return new HttpStatusError(
      status,
      `${from} answered HTTP ${status}${target === undefined ? '' : `, a redirect to ${target}`}; redirects are not followed`,
    )
  }
  const said = excerpt(body, rules.redact)
  const advice = status === 407 ? proxyAdvice : rules.advice?.(status)
  return new HttpStatusError(
    status,
    `${from} answered HTTP ${status}${said === '' ? '' : `: ${said}`}${advice === undefined ? '' : ` (${advice})`}`,
  )
}

/** Only the origin: the rest of a Location may carry a token. */
function originOf(location: string | undefined, base: string): string | undefined {
  if (location === undefined) return undefined
  try {
    const { protocol, origin } = new URL(location, base)
    return protocol === 'http:' || protocol === 'https:' ? origin.slice(0, 300) : undefined
  } catch {
    return undefined
  }
}
