import type { OpenContext } from '../exporter.ts'
import { type Credentials, refuseForeign } from '../http/credentials.ts'
import { fileCredentials } from '../http/headers-file.ts'
import { functionCredentials, type HeadersFunction, type HeadersMemory } from '../http/headers-function.ts'
import type { OtelConfig } from './schema.ts'

/** The part of an exporter's context that its connection uses. */
export type ConnectionContext = Pick<OpenContext<object>, 'clock' | 'logger' | 'state' | 'forbidAddress'>

/** How the headers of an exporter type are obtained at runtime. */
export interface ObtainedBy {
  readonly headers?: HeadersFunction | undefined
  readonly headersTimeoutMs: number
  /** By the state of an exporter, which outlives its clients. */
  readonly memories: WeakMap<object, HeadersMemory>
}

const configured: ObtainedBy = { headersTimeoutMs: 10_000, memories: new WeakMap() }

/** The credentials of a client that opens, or undefined where `headers` of the configuration is all there is. */
export async function openCredentials(
  config: Pick<OtelConfig, 'endpoint' | 'headers' | 'headers_file'>,
  { clock, logger, state, forbidAddress }: ConnectionContext,
  { headers: obtain, headersTimeoutMs: timeoutMs, memories }: ObtainedBy = configured,
): Promise<Credentials | undefined> {
  const { headers_file: path } = config
  if (!obtain && !path) return undefined
  const what = obtain ? 'the function headers of otel()' : 'headers_file'
  // An untrusted source named the destination.
  if (forbidAddress) {
    refuseForeign(what, Object.keys(config.headers).length > 0)
    return undefined
  }
  if (!obtain) return fileCredentials({ path: path!, clock, logger })
  const memory = memories.get(state) ?? {}
  memories.set(state, memory)
  const { origin } = new URL(config.endpoint)
  return functionCredentials({ obtain, what, origin, memory, clock, timeoutMs })
}
