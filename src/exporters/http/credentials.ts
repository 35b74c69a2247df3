import { messageOf, TelemetryError } from '../../errors.ts'
import { wrongHeaders } from '../header-pairs.ts'
import { type Attempt, failed } from './attempt.ts'
import { redactor, secretsOf } from './redact.ts'

export type ObtainedHeaders = Readonly<Record<string, string>>

/** Headers that are obtained while the exporter runs, because they expire. */
export interface Credentials {
  /**
   * Returns the headers of a request that is about to be sent. Rejects with a TelemetryError when they cannot be
   * obtained.
   */
  get(signal: AbortSignal): Promise<ObtainedHeaders>
  /**
   * Obtains others after `used` were refused. Resolves to undefined where there are no others. Rejects with a
   * TelemetryError when they cannot be obtained.
   */
  renew(used: ObtainedHeaders, signal: AbortSignal): Promise<ObtainedHeaders | undefined>
  /** Hides the values of the latest headers in a text. */
  redact(text: string): string
}

/** Values that a backend may still echo. */
const maxRemembered = 8

/** Hides the latest headers that were obtained. */
export function createObtainedRedactor() {
  const latest: ObtainedHeaders[] = []
  let redact = (text: string): string => text
  return {
    learn(headers: ObtainedHeaders): void {
      latest.push(headers)
      if (latest.length > maxRemembered) latest.shift()
      const nowhere = new URL('http://localhost')
      redact = redactor(latest.flatMap((one) => secretsOf(one, nowhere)))
    },
    redact: (text: string): string => redact(text),
  }
}

export const credentialsFailed = (message: string): TelemetryError =>
  new TelemetryError('CREDENTIALS_FAILED', message)

/** A copy of headers that the format of the key `headers` accepts; throws `CREDENTIALS_FAILED`, never quoting a value. */
export function checkObtained(value: unknown, what: string): ObtainedHeaders {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw credentialsFailed(`${what} gave no table of header names and values`)
  const copy = { ...(value as Record<string, string>) }
  const right = wrongHeaders(Object.entries(copy))
  if (right !== undefined) throw credentialsFailed(`${what} must give ${right}`)
  return Object.freeze(copy)
}

/** Whether two sets of headers are the same, name by name. */
export function sameHeaders(one: ObtainedHeaders, other: ObtainedHeaders): boolean {
  const names = Object.keys(one)
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name])
}

/** The result of `work`, but no later than when the signal aborts. */
export const untilAborted = <Result>(
  work: Promise<Result>,
  signal: AbortSignal,
  error: () => TelemetryError,
): Promise<Result> =>
  new Promise((resolve, reject) => {
    const onAbort = (): void => reject(error())
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })

const asFailed = (error: unknown): Attempt =>
  failed(error instanceof TelemetryError ? error : credentialsFailed(messageOf(error)))

/**
 * Sends one request with credentials. After a 401 or 403, which no backend answers to data that it has taken, other
 * credentials are asked for once, and the request is sent once more. Never rejects: credentials that cannot be obtained
 * are a failure before anything was sent.
 */
export async function sendAuthorized(
  credentials: Credentials | undefined,
  signal: AbortSignal,
  send: (headers?: ObtainedHeaders) => Promise<Attempt>,
): Promise<Attempt> {
  if (!credentials) return send()
  try {
    const used = await credentials.get(signal)
    const first = await send(used)
    if (first.type !== 'response' || (first.status !== 401 && first.status !== 403)) return first
    const others = await credentials.renew(used, signal)
    return others === undefined ? first : await send(others)
  } catch (error) {
    return asFailed(error)
  }
}

/**
 * Throws `CREDENTIALS_FOREIGN` where an untrusted source named the destination and brought no credentials of its own:
 * obtained ones are never sent there.
 */
export function refuseForeign(what: string, brought: boolean): void {
  if (!brought)
    throw new TelemetryError(
      'CREDENTIALS_FOREIGN',
      `${what} is not used for a destination that an untrusted source named: the change must bring credentials of its own, or telemetry.allowed_destinations must list the destination`,
    )
}
