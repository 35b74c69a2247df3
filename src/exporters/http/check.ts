import { validateHeaderName, validateHeaderValue } from 'node:http'
import { TelemetryError } from '../../errors.ts'

/** They frame the message or the connection, and are the transport's own. */
const framing = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

export type Headers = Readonly<Record<string, string>>

/** The headers with lower-case names; throws `HTTP_HEADER_INVALID`, naming the header and not its value. */
export function checkHeaders(headers: Headers = {}): Headers {
  const checked: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase()
    try {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    } catch {
      throw new TelemetryError(
        'HTTP_HEADER_INVALID',
        `the header ${JSON.stringify(name)} has an invalid name or value`,
      )
    }
    if (framing.has(key)) {
      throw new TelemetryError(
        'HTTP_HEADER_INVALID',
        `the header ${name} cannot be set, because the HTTP client sets it: remove it`,
      )
    }
    checked[key] = value
  }
  return checked
}

/** Throws `HTTP_URL_INVALID`, without quoting a URL that may carry a secret. */
export function checkUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new TelemetryError(
      'HTTP_URL_INVALID',
      'the endpoint must be an http or https URL, for example http://localhost:4318/v1/traces',
    )
  }
  if (url.username !== '' || url.password !== '') {
    throw new TelemetryError(
      'HTTP_URL_INVALID',
      'the endpoint must not have credentials in its URL: use headers',
    )
  }
  return url
}
