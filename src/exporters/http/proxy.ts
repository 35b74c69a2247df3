import { TelemetryError } from '../../errors.ts'
import { isBypassed, isLoopback } from './no-proxy.ts'

/** The keys of a configuration that say which proxy is used. An empty URL is no proxy. */
export interface ProxySettings {
  /** For every destination that `no_proxy` does not name. Null: what the two below say. */
  readonly proxy: string | null
  /** For `http:` destinations, except loopback ones. */
  readonly http_proxy: string | null
  /** For `https:` destinations, except loopback ones. */
  readonly https_proxy: string | null
  /** Destinations that no proxy is used for, as in NO_PROXY. */
  readonly no_proxy: string | null
}

/** Returns the URL of the proxy for a destination, or undefined where the destination is connected to directly. */
export function proxyFor(destination: string, settings: ProxySettings): string | undefined {
  const url = new URL(destination)
  const { proxy, http_proxy, https_proxy, no_proxy } = settings
  const ofScheme = url.protocol === 'https:' ? https_proxy : http_proxy
  const chosen = proxy ?? (isLoopback(url) ? null : ofScheme)
  if (!chosen || isBypassed(url, no_proxy ?? '')) return undefined
  return chosen
}

/** A proxy, taken apart. */
export interface HttpProxy {
  /** The URL without credentials, for messages. */
  readonly origin: string
  readonly url: URL
  readonly secure: boolean
  readonly hostname: string
  readonly port: number
  /** The value of `Proxy-Authorization`. */
  readonly authorization: string | undefined
  /** Secrets that must be hidden in any message of the proxy. */
  readonly secrets: readonly string[]
}

/** The part of a URL before the `@`, decoded. A stray `%` stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Takes the URL of a proxy apart. Throws `HTTP_URL_INVALID`, without quoting a URL that may carry a password. */
export function parseProxy(text: string): HttpProxy {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new TelemetryError(
      'HTTP_URL_INVALID',
      'the proxy must be an http or https URL, for example http://proxy.example.com:3128',
    )
  const secure = url.protocol === 'https:'
  const [user, password] = [decoded(url.username), decoded(url.password)]
  const authorization =
    user === '' && password === ''
      ? undefined
      : `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  return {
    origin: url.origin,
    url,
    secure,
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || (secure ? 443 : 80)),
    authorization,
    secrets: authorization === undefined ? [] : [authorization, url.password, password].filter(Boolean),
  }
}

/** An error of the connection to a proxy, for which nothing has been sent to the destination. */
export const proxyUnreachable = ({ origin }: HttpProxy, why: string, advice?: string): TelemetryError =>
  new TelemetryError(
    'HTTP_PROXY_UNREACHABLE',
    `cannot reach the proxy ${origin} (${why})${advice === undefined ? '' : `: ${advice}`}`,
  )

/** The proxy answered a CONNECT with a status other than a success. */
export class ProxyAnswerError extends TelemetryError {
  readonly status: number
  readonly proxy: string
  constructor({ origin }: HttpProxy, status: number, authority: string) {
    super(
      'HTTP_PROXY_REFUSED',
      `the proxy ${origin} answered HTTP ${status} when asked to connect to ${authority}`,
    )
    this.name = 'ProxyAnswerError'
    this.status = status
    this.proxy = `the proxy ${origin}`
  }
}
