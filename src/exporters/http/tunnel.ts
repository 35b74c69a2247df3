import { type Agent, type RequestOptions, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type Socket } from 'node:net'
import { isError, messageOf, TelemetryError } from '../../errors.ts'
import { connectionAdvice, opensslReason } from './advice.ts'
import { type HttpProxy, ProxyAnswerError, proxyUnreachable } from './proxy.ts'

/** A proxy that says nothing for so long never will. An attempt gives up sooner. */
export const silentMs = 60_000

export interface TunnelOptions {
  readonly proxy: HttpProxy
  /** Opens connections to the proxy. */
  readonly agent: Agent
  /** Host and port of the destination. */
  readonly authority: string
  /** Aborted when the tunnel is no longer needed. */
  readonly abandoned?: AbortSignal | undefined
}

/** How the host of a proxy is named in TLS: an address has no name. */
export const serverNameOf = ({ hostname }: HttpProxy): string => (isIP(hostname) === 0 ? hostname : '')

/** Node's code of an error, also of one for each address that was tried. */
function codeOf(error: unknown): string | undefined {
  if (!isError(error)) return undefined
  const { errors } = error as Partial<AggregateError>
  const [first] = Array.isArray(errors) ? (errors as readonly NodeJS.ErrnoException[]) : []
  return (error as NodeJS.ErrnoException).code ?? first?.code
}

const advices: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; check the proxy, and the key or variable that names it',
}

/** The error of a connection to a proxy, in words that name the proxy. */
export function proxyProblem(proxy: HttpProxy, error: unknown): TelemetryError {
  if (error instanceof TelemetryError) return error
  const code = codeOf(error)
  const reason = opensslReason(code, messageOf(error))
  const advice = advices[code ?? ''] ?? connectionAdvice({ code, reason, port: '', http2: false })
  return proxyUnreachable(proxy, code ?? (error === undefined ? 'closed' : messageOf(error)), advice)
}

/**
 * Asks a proxy for a connection to a destination (CONNECT) and calls `done` once, with the connection or with a
 * TelemetryError: `HTTP_PROXY_UNREACHABLE`, `HTTP_PROXY_REFUSED`, `HTTP_ADDRESS_FORBIDDEN`.
 */
export function openTunnel(
  { proxy, agent, authority, abandoned }: TunnelOptions,
  done: (error: TelemetryError | null, socket?: Socket) => void,
): void {
  let over = false
  const options: RequestOptions & { servername: string } = {
    agent,
    method: 'CONNECT',
    hostname: proxy.hostname,
    port: proxy.port,
    path: authority,
    servername: serverNameOf(proxy),
    headers: {
      host: authority,
      ...(proxy.authorization !== undefined && { 'proxy-authorization': proxy.authorization }),
    },
    timeout: silentMs,
  }
  const request = (proxy.secure ? requestHttps : requestHttp)(options)

  const finish = (error: TelemetryError | null, socket?: Socket): void => {
    if (over) return
    over = true
    abandoned?.removeEventListener('abort', onAbandoned)
    if (error) request.destroy()
    done(error, socket)
  }
  const onAbandoned = (): void => finish(proxyUnreachable(proxy, 'given up'))

  request.on('error', (error) => finish(proxyProblem(proxy, error)))
  request.on('close', () => finish(proxyUnreachable(proxy, 'closed')))
  request.on('timeout', () => finish(proxyUnreachable(proxy, 'no answer')))
  request.on('connect', ({ statusCode = 0 }, socket: Socket, head) => {
    // From here on only we use the socket, and an error without a listener would end the process.
    socket.on('error', () => {})
    socket.setTimeout(0)
    if (over || statusCode < 200 || statusCode > 299) {
      socket.destroy()
      return finish(new ProxyAnswerError(proxy, statusCode, authority))
    }
    if (head.length > 0) socket.unshift(head)
    finish(null, socket)
  })
  abandoned?.addEventListener('abort', onAbandoned)
  request.end()
  if (abandoned?.aborted) onAbandoned()
}
