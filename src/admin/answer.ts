import type { TelemetryErrorCode } from '../error-codes.ts'
import type { Answer } from '../http-server/answer.ts'

export const jsonAnswer = (
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: `${JSON.stringify(value)}\n`,
})

/** A refusal: `{ error: { code, message } }`, and what else there is to say. */
export const refusal = (
  status: number,
  code: TelemetryErrorCode,
  message: string,
  more: { readonly headers?: Readonly<Record<string, string>>; readonly problems?: unknown } = {},
): Answer =>
  jsonAnswer(
    status,
    { error: { code, message }, ...(more.problems !== undefined && { problems: more.problems }) },
    more.headers,
  )

/** On every response. The page's own policy takes the place of this one. */
export const commonHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}
