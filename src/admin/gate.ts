import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TelemetryError } from '../errors.ts'
import type { Answer } from '../http-server/answer.ts'
import { hostname, isAddress, isLoopback } from '../http-server/host.ts'
import { refusal } from './answer.ts'

export interface GateOptions {
  readonly token: string | undefined
  /** Requests from this machine need no token. */
  readonly waived: boolean
  /** Lower-case `name` or `name:port`; a name without a port stands for all ports. */
  readonly hosts: ReadonlySet<string>
  /** Lower-case origins besides our own. */
  readonly origins: ReadonlySet<string>
}

/** Who may ask at all, and who may ask for more than the page. Answers with a refusal, or nothing. */
export interface Gate {
  /** By `Host` (DNS rebinding), `Origin` and `Sec-Fetch-Site` (forged requests). */
  admits(request: IncomingMessage, access: Access): Answer | undefined
  /** By the bearer token. */
  authorizes(request: IncomingMessage): Answer | undefined
}

/** `probe`: says no more than that we live. `page`: static files. `api`: everything else. */
export type Access = 'probe' | 'page' | 'api'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Visible ASCII: what a header carries unaltered. */
const usableToken = /^[\x21-\x7e]{1,1024}$/

/** @throws TelemetryError `ADMIN_TOKEN_INVALID`, `ADMIN_TOKEN_REQUIRED`. */
export function createGate({ token, waived, hosts, origins }: GateOptions): Gate {
  if (token === undefined && !waived) {
    throw new TelemetryError(
      'ADMIN_TOKEN_REQUIRED',
      'createAdmin needs the option token, or allowUnauthenticatedLoopback: true for requests from this machine only',
    )
  }
  if (token !== undefined && (typeof token !== 'string' || !usableToken.test(token))) {
    throw new TelemetryError(
      'ADMIN_TOKEN_INVALID',
      'the token of the admin API must consist of 1 to 1,024 visible ASCII characters',
    )
  }
  const expected = token === undefined ? undefined : digest(token)

  const isAllowedHost = (host: string, access: Access): boolean => {
    const name = hostname(host)
    if (name === undefined) return false
    // A probe names the pod's address; an address cannot be rebound.
    if (access === 'probe' && isAddress(name)) return true
    return hosts.has(name) || hosts.has(host)
  }

  const isOwnOrigin = (origin: string, host: string): boolean =>
    origins.has(origin) || origin === `http://${host}` || origin === `https://${host}`

  const foreign = (name: string): Answer =>
    refusal(403, 'ADMIN_ORIGIN_REFUSED', `requests that other sites make are refused (${name})`)

  return {
    admits({ headers, rawHeaders }, access) {
      if (count(rawHeaders, 'host') > 1) return refusal(400, 'ADMIN_BAD_REQUEST', 'more than one Host header')
      const host = headers.host?.toLowerCase() ?? ''
      if (!isAllowedHost(host, access)) {
        return refusal(
          403,
          'ADMIN_HOST_REFUSED',
          'the Host header is not a name of this server: add it to allowedHosts',
        )
      }
      const origin = headers.origin?.toLowerCase()
      if (origin !== undefined) return isOwnOrigin(origin, host) ? undefined : foreign('Origin')
      const site = headers['sec-fetch-site']
      // A link on another site may lead to the page; nothing but the page can be reached so.
      if (access !== 'api' || site === undefined || site === 'same-origin' || site === 'none')
        return undefined
      return foreign('Sec-Fetch-Site')
    },
    authorizes(request) {
      const given = request.headers.authorization
      if (given === undefined && waived && isLocal(request)) return undefined
      const [, credential] = /^Bearer +([^\s]+) *$/i.exec(given ?? '') ?? []
      // Digests have one length, so that comparing them tells nothing of the token's.
      if (expected && credential !== undefined && timingSafeEqual(digest(credential), expected))
        return undefined
      return refusal(401, 'ADMIN_UNAUTHORIZED', 'a valid bearer token is required', {
        headers: { 'www-authenticate': 'Bearer realm="telemachine"' },
      })
    },
  }
}

function count(rawHeaders: readonly string[], name: string): number {
  let found = 0
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]!.toLowerCase() === name) found += 1
  return found
}

const forwarding = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'] as const

/** From this machine, and not from a proxy on it that passes on what others ask. */
function isLocal({ socket, headers }: IncomingMessage): boolean {
  return isLoopback(socket.remoteAddress ?? '') && forwarding.every((name) => headers[name] === undefined)
}
