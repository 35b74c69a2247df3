import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type RequestOptions,
  request as requestHttp,
} from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import { context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api'
import { isError, messageOf, TelemetryError } from '../../errors.ts'
import {
  type ConnectionProblem,
  connectionAdvice,
  isCertificateAlert,
  isHttp2Frame,
  opensslReason,
  type TlsKeys,
} from './advice.ts'
import { type HttpProxy, ProxyAnswerError } from './proxy.ts'
import { proxyProblem } from './tunnel.ts'

/**
 * How one request ended. Expected failures are values; a post never rejects.
 * A `response` is one whose status line arrived: from there on the status says what became of the data.
 */
export type Attempt =
  | {
      readonly type: 'response'
      readonly status: number
      /** Lower-case names, as Node gives them. */
      readonly headers: IncomingHttpHeaders
      /** The body as far as it was read: all of it, unless `cut` says why not. */
      readonly body: Uint8Array
      readonly cut?: 'oversized' | 'stopped' | 'broken'
      /** All of the request has been written: its body is not read any more. */
      readonly written?: boolean
      /** Origin and path of the request; no query. */
      readonly from: string
    }
  | {
      readonly type: 'failed'
      readonly cause: TelemetryError
      /** `nothing`: no byte of the request can have been processed. `maybe`: it may have been taken. */
      readonly sent: 'nothing' | 'maybe'
      /** It was sent over a kept connection, which the server closed without a byte of an answer: it may be an old one. */
      readonly stale?: boolean
    }

export const failed = (cause: TelemetryError, sent: 'nothing' | 'maybe' = 'nothing'): Attempt => ({
  type: 'failed',
  cause,
  sent,
})

export interface RequestPlan {
  readonly secure: boolean
  readonly options: RequestOptions
  readonly body: Uint8Array
  readonly maxResponseBytes: number
  /** Whether a kept connection may have been ended by its server since its last use. */
  readonly wasIdle: (socket: Socket) => boolean
  readonly from: string
  readonly tlsKeys?: TlsKeys | undefined
  /** The proxy that the request goes through; `forwarded`: as an absolute-form request, not through a tunnel. */
  readonly via?: { readonly proxy: HttpProxy; readonly forwarded: boolean } | undefined
}

// The key of @opentelemetry/core, which makes it from Symbol.for: instrumented http leaves our own requests alone.
const untraced = ROOT_CONTEXT.setValue(
  createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING'),
  true,
)

/**
 * Starts one request and calls `settle` exactly once; throws if the plan makes no valid request. The returned function
 * stops it: the request is destroyed and settles at once, as the response whose head has arrived or else as failed with
 * the given cause.
 */
export function beginRequest(
  plan: RequestPlan,
  settle: (attempt: Attempt) => void,
): (cause: TelemetryError) => void {
  let settled = false
  let sent: 'nothing' | 'maybe' = 'nothing'
  let heard = false
  let stopResponse: (() => void) | undefined

  const end = (attempt: Attempt): void => {
    if (settled) return
    settled = true
    settle(attempt)
  }

  const fail = (error: unknown): void => {
    if (stopResponse !== undefined) return
    // Wrong credentials for the proxy are answered before the destination hears of the request.
    if (error instanceof ProxyAnswerError && error.status === 407) {
      const { status, proxy: from } = error
      end({ type: 'response', status, headers: {}, body: new Uint8Array(), from })
      return
    }
    const problem = problemOf(error, plan)
    // The server's TLS refused us after ours was content, which a connection that was used before cannot meet.
    if (!request.reusedSocket && isCertificateAlert(problem)) sent = 'nothing'
    const stale = request.reusedSocket && !heard && isClosed(problem.code, error)
    end({ ...failed(describe(error, problem, plan, sent), sent), ...(stale && { stale }) })
  }

  const abandoned = plan.via && !plan.via.forwarded ? new AbortController() : undefined
  const options = abandoned ? { ...plan.options, abandoned: abandoned.signal } : plan.options
  const start = (): ClientRequest => (plan.secure ? requestHttps : requestHttp)(options)
  const request = context.with(untraced, start)

  const onData = (): void => {
    heard = true
  }
  request.on('socket', (socket) => {
    if (request.reusedSocket) {
      // Before Node's own, which may find that it is no HTTP.
      socket.prependOnceListener('data', onData)
      request.once('close', () => socket.off('data', onData))
      if (plan.wasIdle(socket)) afterTurn(sendIfOpen)
      else sendIfOpen()
    } else
      socket.once(plan.secure ? 'secureConnect' : 'connect', () => {
        sent = 'maybe'
      })
  })
  // These stay for good: a socket may fail long after the attempt has been settled.
  request.on('error', fail)
  request.on('close', () => fail(undefined))
  /** Sends the request, unless the kept connection has been closed by the server meanwhile. */
  const sendIfOpen = (): void => {
    if (settled) return
    if (request.destroyed || request.socket?.writable !== true) {
      request.destroy()
      return
    }
    sent = 'maybe'
    request.end(plan.body)
  }
  /**
   * Where the server answered before it read the whole request, the socket would never be freed. TLS may tell of a
   * finished write after the answer.
   */
  const destroyUnfinished = (): void => {
    if (!request.writableFinished) request.destroy()
  }
  request.on('response', (response) => {
    const status = response.statusCode ?? 0
    const chunks: Buffer[] = []
    let size = 0

    const finish = (cut?: 'oversized' | 'stopped' | 'broken'): void => {
      if (settled) return
      if (cut !== undefined) request.destroy()
      else if (!request.writableFinished) afterTurn(destroyUnfinished)
      const { headers } = response
      const from = status === 407 && plan.via ? `the proxy ${plan.via.proxy.origin}` : plan.from
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
      const written = request.writableFinished
      end({ type: 'response', status, headers, body, from, written, ...(cut !== undefined && { cut }) })
    }

    stopResponse = () => finish('stopped')
    response.on('error', () => finish('broken'))
    response.on('close', () => finish('broken'))
    response.on('end', () => finish(response.complete ? undefined : 'broken'))
    response.on('data', (chunk: Buffer) => {
      if (settled) return
      if (size + chunk.length > plan.maxResponseBytes) return finish('oversized')
      size += chunk.length
      chunks.push(chunk)
    })
    if (Number(response.headers['content-length']) > plan.maxResponseBytes) finish('oversized')
  })
  if (!request.reusedSocket) request.end(plan.body)

  return (cause) => {
    if (stopResponse !== undefined) stopResponse()
    else end(failed(cause, sent))
    abandoned?.abort()
    request.destroy()
  }
}

/** After everything that has arrived by now was read. The first immediate may come before the event loop polls. */
const afterTurn = (act: () => void): void => void setImmediate(() => setImmediate(act))

/** A fresh error: Node's own may carry received bytes (`rawPacket`) and is not ours to show. */
function describe(
  error: unknown,
  problem: ConnectionProblem,
  plan: RequestPlan,
  sent: 'nothing' | 'maybe',
): TelemetryError {
  if (error instanceof TelemetryError) return error
  const { via } = plan
  if (via?.forwarded && sent === 'nothing') return proxyProblem(via.proxy, error)
  const to = via === undefined ? plan.from : `${plan.from} through the proxy ${via.proxy.origin}`
  const { code, reason } = problem
  const advice = connectionAdvice(problem, plan.tlsKeys)
  const why = code ?? (error === undefined ? 'closed' : messageOf(error))
  const because = `(${why}${code === 'EPROTO' && reason !== undefined ? `, ${reason}` : ''})${
    advice === undefined ? '' : `: ${advice}`
  }`
  if (code?.startsWith('HPE_'))
    return new TelemetryError('HTTP_RESPONSE_INVALID', `${to} answered something that is not HTTP ${because}`)
  return sent === 'nothing'
    ? new TelemetryError('HTTP_CONNECT_FAILED', `cannot connect to ${to} ${because}`)
    : new TelemetryError('HTTP_NO_RESPONSE', `no response from ${to} ${because}`)
}

function problemOf(error: unknown, { options }: RequestPlan): ConnectionProblem {
  const code = codeOf(error)
  return {
    code,
    reason: opensslReason(code, messageOf(error)),
    port: String(options.port ?? ''),
    http2: isHttp2Frame((error as { rawPacket?: unknown } | undefined)?.rawPacket),
  }
}

/** The connection ended, with or without a reset. */
const isClosed = (code: string | undefined, error: unknown): boolean =>
  error === undefined || code === 'ECONNRESET' || code === 'EPIPE'

function codeOf(error: unknown): string | undefined {
  if (!isError(error)) return undefined
  // Happy eyeballs: one error for each address that was tried.
  const { errors } = error as Partial<AggregateError>
  const [first] = Array.isArray(errors) ? (errors as readonly NodeJS.ErrnoException[]) : []
  return (error as NodeJS.ErrnoException).code ?? first?.code
}
