import type { TlsKeys } from '../http/http.ts'
import type { Signal } from './signal.ts'

export const tlsKeys: TlsKeys = { authority: 'certificate', client: 'client_certificate and client_key' }

/** Returns advice for an error with which a backend answered a request to `endpoint`. */
export function statusAdvice(
  status: number,
  endpoint: string,
  { path, variable }: Signal,
): string | undefined {
  if (status === 401 || status === 403) return 'check the credentials in headers'
  if (status !== 404 && status !== 405) return undefined
  const { origin, pathname } = new URL(endpoint)
  const trimmed = pathname.endsWith('/') ? pathname.slice(0, -1) : pathname
  if (trimmed.endsWith(`/${path}/${path}`))
    return `the path has /${path} twice: OTEL_EXPORTER_OTLP_ENDPOINT is a base URL, without it; a full URL is OTEL_EXPORTER_OTLP_${variable}_ENDPOINT, or endpoint`
  if (pathname.endsWith(`/${path}`)) return undefined
  if (trimmed.endsWith(`/${path}`)) return `try ${origin}${trimmed}, without the slash at its end`
  return pathname === '/'
    ? `the endpoint has no path; try ${origin}/${path}`
    : `the path of the endpoint, ${pathname}, does not end in /${path}, where OTLP is usually taken`
}
