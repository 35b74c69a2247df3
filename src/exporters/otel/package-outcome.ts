import { messageOf, TelemetryError } from '../../errors.ts'
import { connectionAdvice, isHttp2Frame, opensslReason } from '../http/advice.ts'
import { classifyStatus } from '../http/http.ts'
import type { Outcome } from '../outcome.ts'
import { statusAdvice, tlsKeys } from './advice.ts'
import { traces } from './signal.ts'

/** The argument of the callback of the package's exporters; code 0 is success. */
export interface PackageResult {
  readonly code: number
  readonly error?: Error
}

/**
 * The outcome of an export by the package. It reports a number (the status of a final answer), a string (Node's code
 * of a network error) or nothing (a retryable status, a timeout). A request that may have arrived may have been one
 * of several, and 502 and 504 look like 503: all that is ambiguous.
 */
export function outcomeOfPackage(
  { code, error }: PackageResult,
  mayHaveArrived: boolean,
  redact: (text: string) => string,
  endpoint: URL,
): Outcome {
  if (code === 0) return { type: 'delivered' }
  const said: unknown = error !== undefined && 'code' in error ? error.code : undefined
  const cause = describe(error, said, redact, endpoint)
  if (typeof said === 'number') {
    switch (classifyStatus(said)) {
      case 'misdirected':
        return { type: 'misdirected', cause }
      case 'too_large':
        return { type: 'too_large' }
      default:
        return { type: 'refused', cause, ...(said >= 500 && { unhealthy: true }) }
    }
  }
  if (typeof said === 'string' || retryable.test(messageOf(error)))
    return { type: 'retry', cause, ...(mayHaveArrived && { ambiguous: true }) }
  return { type: 'refused', cause, unhealthy: true }
}

/** The package gives these no code. */
const retryable = /retryable status|timed out|limit reached/i

function describe(
  error: Error | undefined,
  said: unknown,
  redact: (text: string) => string,
  endpoint: URL,
): TelemetryError {
  // OpenSSL ends its messages with a colon and a new line.
  const message = redact(messageOf(error))
    .slice(0, 300)
    .replace(/[:\s]+$/, '')
  if (typeof said === 'number') {
    const advice = statusAdvice(said, endpoint.href, traces)
    const words = [message, advice && `(${advice})`].filter(Boolean).join(' ')
    return new TelemetryError('HTTP_STATUS', `HTTP ${said}${words === '' ? '' : `: ${words}`}`)
  }
  const code = typeof said === 'string' ? said : undefined
  const advice = connectionAdvice(
    {
      code,
      reason: opensslReason(code, messageOf(error)),
      port: endpoint.port,
      http2: isHttp2Frame((error as { rawPacket?: unknown } | undefined)?.rawPacket),
    },
    tlsKeys,
  )
  return new TelemetryError('OTEL_EXPORT_FAILED', advice === undefined ? message : `${message}: ${advice}`)
}
