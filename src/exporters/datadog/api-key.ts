import type { OpenContext } from '../exporter.ts'
import { type Credentials, refuseForeign } from '../http/credentials.ts'
import { functionCredentials, type HeadersMemory, type HeadersRequest } from '../http/headers-function.ts'
import type { State } from './aggregate/contexts.ts'
import { baseUrl, type DatadogConfig } from './schema.ts'

/** An API key, or a key with the milliseconds for which it is valid. Without them it is used until it is refused. */
export type ApiKeyAnswer = string | { readonly apiKey: string; readonly expiresInMs?: number }

/** A function that returns the API key. If it throws, rejects or hangs, the attempt to export is retried. */
export type ApiKeyFunction = (request: HeadersRequest) => ApiKeyAnswer | Promise<ApiKeyAnswer>

/** How the API key of an exporter type is obtained at runtime. */
export interface KeyObtainedBy {
  readonly apiKey: ApiKeyFunction | undefined
  /** By the state of an exporter, which outlives its clients. */
  readonly memories: WeakMap<State, HeadersMemory>
}

const timeoutMs = 10_000

/** The credentials of a client that opens, or undefined where `api_key` of the configuration is all there is. */
export function openApiKey(
  config: DatadogConfig,
  { clock, state, forbidAddress }: OpenContext<State, DatadogConfig>,
  { apiKey, memories }: KeyObtainedBy,
): Credentials | undefined {
  if (!apiKey) return undefined
  const what = 'the function apiKey of datadog()'
  // An untrusted source named the destination.
  if (forbidAddress) {
    refuseForeign(what, Boolean(config.api_key))
    return undefined
  }
  const memory = memories.get(state) ?? {}
  memories.set(state, memory)
  return functionCredentials({
    obtain: async (request) => {
      const said = await apiKey(request)
      if (typeof said === 'string') return { 'dd-api-key': said.trim() }
      const { apiKey: key, expiresInMs } = said
      return { headers: { 'dd-api-key': key }, ...(expiresInMs !== undefined && { expiresInMs }) }
    },
    what,
    origin: baseUrl(config).origin,
    memory,
    clock,
    timeoutMs,
  })
}
