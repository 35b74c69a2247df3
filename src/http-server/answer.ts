import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** An answer as a value, so that nothing is written before all of it is known. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<OutgoingHttpHeaders>
  /** A list is written piece by piece. */
  readonly body?: string | Buffer | readonly Buffer[]
}

export const textAnswer = (
  status: number,
  text: string,
  headers: Readonly<OutgoingHttpHeaders> = {},
): Answer => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', ...headers },
  body: text,
})

const maxDiscardedBytes = 1024 * 1024
const maxDiscardingMs = 500

export const hasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) !== 0

/** Writes an answer, as fast as the client reads it; `pace` is awaited before each part of a long one. */
export async function writeAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body = '' }: Answer,
  pace: () => Promise<void> = noPause,
): Promise<void> {
  if (response.headersSent) return void response.destroy()
  if (response.destroyed) return
  const parts = typeof body === 'string' || Buffer.isBuffer(body) ? [Buffer.from(body)] : body
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  // An unread rest of the request would be taken for the next one.
  const isUnread = !request.readableEnded && hasBody(request)
  if (isUnread) response.shouldKeepAlive = false
  response.writeHead(status, { ...headers, 'content-length': length })
  if (request.method !== 'HEAD') {
    for (const part of parts) {
      if (part.length === 0) continue
      if (parts.length > 1) await pace()
      if (!response.write(part) && parts.length > 1) await writable(response)
    }
  }
  if (isUnread) await discard(request)
  response.end()
}

const noPause = async (): Promise<void> => {}

/** Resolves when the client has read some of the answer, or is gone. */
const writable = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.once('drain', done)
    response.once('close', done)
  })

/**
 * Reads what is left of an unwanted body, within limits: a socket that is closed with unread bytes is reset, and the
 * client would lose the answer.
 */
function discard(request: IncomingMessage): Promise<void> {
  if (request.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    let bytes = 0
    const done = (): void => {
      clearTimeout(timer)
      request.off('data', count)
      resolve()
    }
    const count = (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes > maxDiscardedBytes) done()
    }
    const timer = setTimeout(done, maxDiscardingMs)
    timer.unref()
    request.on('data', count)
    request.once('end', done)
    request.once('close', done)
  })
}
