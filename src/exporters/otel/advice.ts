import type { TlsKeys } from '../http.ts'

export const tlsKeys: TlsKeys = { authority: 'certificate', client: 'client_certificate and client_key' }

/** What to try when a backend answers a request to `endpoint` with an error. */
export function statusAdvice(status: number, endpoint: string): string | undefined {
  if (status === 401 || status === 403) return 'check the credentials in headers'
  if (status !== 404 && status !== 405) return undefined
  const { origin, pathname } = new URL(endpoint)
  if (/\/v1\/traces\/v1\/traces\/?$/.test(pathname))
    return 'the path has /v1/traces twice: OTEL_EXPORTER_OTLP_ENDPOINT is a base URL, without it; a full URL is OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, or endpoint'
  if (pathname.endsWith('/v1/traces')) return undefined
  if (pathname.endsWith('/v1/traces/'))
    return `try ${origin}${pathname.slice(0, -1)}, without the slash at its end`
  return pathname === '/'
    ? `the endpoint has no path; try ${origin}/v1/traces`
    : `the path of the endpoint, ${pathname}, does not end in /v1/traces, where OTLP is usually taken`
}
