import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { encodeResponse, encodeStatus, type OtlpFormat } from '../otlp/response.ts'
import type { OtlpSignal } from '../otlp/signals.ts'
import type { RequestFault } from './faults.ts'

export interface Exchange {
  readonly response: ServerResponse
  readonly format: OtlpFormat
  readonly signal: OtlpSignal
  /** The socket, for answers that Node's HTTP server would not write. */
  readonly wire: Socket
  /** Resets the connection (RST). */
  readonly reset: () => void
}

const contentTypes = { protobuf: 'application/x-protobuf', json: 'application/json' } as const

/** Answers with a plain status. */
export function answer(
  { response, format }: Exchange,
  status: number,
  body: string | Uint8Array = encodeStatus(format, `status ${status}`),
  headers: Readonly<Record<string, string>> = {},
): void {
  const bodiless = status === 204 || status === 304
  const content = bodiless ? '' : body
  response.writeHead(status, {
    'content-type': contentTypes[format],
    ...(bodiless ? {} : { 'content-length': String(Buffer.byteLength(content)) }),
    ...headers,
  })
  response.end(content)
}

/** Answers a request as OTLP wants it answered when all of it was taken. */
export const answerSuccess = (exchange: Exchange): void =>
  answer(exchange, 200, encodeResponse(exchange.signal, exchange.format))

/**
 * Plays a fault on a request whose body was read, as far as the fault reads it. `answered` is called when the
 * answer is given whole. Returns the status if there is a plain one.
 */
export function play(fault: RequestFault, exchange: Exchange, answered: () => void): number | undefined {
  const { format, signal } = exchange
  switch (fault.type) {
    case 'status': {
      const headers: Record<string, string> = { ...fault.headers }
      if (fault.retryAfter !== undefined) headers['retry-after'] = String(fault.retryAfter)
      if (fault.when === 'before') headers.connection = 'close'
      answer(exchange, fault.status, fault.body, headers)
      answered()
      return fault.status
    }
    case 'partial': {
      const { rejected, message = 'refused by a scripted fault' } = fault
      answer(exchange, 200, encodeResponse(signal, format, { rejected, message }))
      answered()
      return 200
    }
    case 'reset':
      exchange.reset()
      return undefined
    case 'drip':
      drip(fault, exchange, answered)
      return 200
    case 'oversized':
      oversize(fault, exchange, answered)
      return 200
    case 'junk':
      return playJunk(fault.what, exchange, answered)
    case 'hang':
    case 'choose':
      return undefined
  }
}

function playJunk(
  what: 'not_http' | 'body' | 'truncated' | 'nothing',
  exchange: Exchange,
  answered: () => void,
): number | undefined {
  const { wire, format } = exchange
  switch (what) {
    case 'body':
      answer(exchange, 200, Buffer.alloc(16, 0xff))
      answered()
      return 200
    case 'not_http':
      wire.end('SSH-2.0-OpenSSH_9.2p1\r\n')
      return undefined
    case 'nothing':
      wire.end()
      return undefined
    case 'truncated':
      wire.end(`${head(format, 1000)}0123456789`)
      return 200
  }
}

const head = (format: OtlpFormat, length: number): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${contentTypes[format]}\r\nconnection: close\r\n` +
  `${Number.isFinite(length) ? `content-length: ${length}\r\n` : ''}\r\n`

function drip(
  fault: Extract<RequestFault, { type: 'drip' }>,
  { wire, format, signal }: Exchange,
  answered: () => void,
): void {
  const { bytes = 1, intervalMs = 20, size = 64 } = fault
  const endless = !Number.isFinite(size)
  // A message without rejected spans is a warning: the client has nothing to mind but the waiting.
  const body = encodeResponse(signal, format, { rejected: 0, message: '.'.repeat(endless ? 0 : size) })
  const whole = Buffer.concat([Buffer.from(head(format, endless ? size : body.length)), body])
  let sent = 0
  const timer = setInterval(() => {
    const piece = whole.subarray(sent, sent + bytes)
    wire.write(piece.length > 0 ? piece : '.'.repeat(bytes))
    sent += bytes
    if (endless || sent < whole.length) return
    clearInterval(timer)
    wire.end()
    answered()
  }, intervalMs)
  wire.once('close', () => clearInterval(timer))
}

function oversize(
  fault: Extract<RequestFault, { type: 'oversized' }>,
  { response, format }: Exchange,
  answered: () => void,
): void {
  const { size = 8 * 1024 * 1024, declared = false, gzip = false } = fault
  const packed = gzip ? gzipSync(Buffer.alloc(size, 'x')) : undefined
  const length = packed?.length ?? size
  response.writeHead(200, {
    'content-type': contentTypes[format],
    ...(declared && Number.isFinite(length) ? { 'content-length': String(length) } : {}),
    ...(gzip ? { 'content-encoding': 'gzip' } : {}),
  })
  const chunk = Buffer.alloc(64 * 1024, 'x')
  let left = length
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      const piece = packed ?? (left < chunk.length ? chunk.subarray(0, left) : chunk)
      left -= piece.length
      if (left > 0 && !response.write(piece)) return
      if (left > 0) continue
      response.end(piece)
      answered()
    }
  }
  response.on('drain', more)
  more()
}
