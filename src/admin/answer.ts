import type { IncomingMessage, ServerResponse } from 'node:http'

/** What a request is answered with: a value, so that nothing is written before all of it is known. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

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
  code: string,
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

const longestDiscarded = 1024 * 1024
const longestDiscarding = 500

/**
 * Reads off what is left of a body nobody wants, within limits: a socket closed with unread bytes is reset, and
 * the sender would lose the answer.
 */
function discard(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed || !hasBody(request)) return Promise.resolve()
  return new Promise((resolve) => {
    let bytes = 0
    const done = (): void => {
      clearTimeout(timer)
      request.off('data', count)
      resolve()
    }
    const count = (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes > longestDiscarded) done()
    }
    const timer = setTimeout(done, longestDiscarding)
    timer.unref()
    request.on('data', count)
    request.once('end', done)
    request.once('close', done)
  })
}

export const hasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) !== 0

/** Writes an answer. A body that was not read to its end would be taken for the next request. */
export async function writeAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body = '' }: Answer,
): Promise<void> {
  if (response.headersSent) return void response.destroy()
  if (response.destroyed) return
  const isUnread = !request.readableEnded && hasBody(request)
  if (isUnread) response.shouldKeepAlive = false
  response.writeHead(status, { ...commonHeaders, ...headers, 'content-length': Buffer.byteLength(body) })
  if (request.method !== 'HEAD' && body.length > 0) response.write(body)
  if (isUnread) await discard(request)
  response.end()
}
