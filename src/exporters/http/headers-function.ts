import { type Clock, elapsed } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import {
  type Credentials,
  checkObtained,
  createObtainedRedactor,
  credentialsFailed,
  type ObtainedHeaders,
  sameHeaders,
  untilAborted,
} from './credentials.ts'

/**
 * Why headers are asked for: for the first time (`start`), because the present ones expire soon or have expired
 * (`expiring`), because the backend answered 401 or 403 to them (`refused`), or because the destination has changed
 * (`moved`).
 */
export type HeadersReason = 'start' | 'expiring' | 'refused' | 'moved'

/** The argument of a function that obtains headers: the reason, and the destination. */
export interface HeadersRequest {
  readonly reason: HeadersReason
  /** Aborted when the call has taken too long. */
  readonly signal: AbortSignal
}

/**
 * Headers, or headers with the milliseconds for which they are valid. Without them they are used until they are
 * refused.
 */
export type HeadersAnswer =
  | Readonly<Record<string, string>>
  | { readonly headers: Readonly<Record<string, string>>; readonly expiresInMs?: number }

/**
 * A function that returns headers such as `authorization`. If it throws, rejects or hangs, the attempt to export is
 * retried.
 */
export type HeadersFunction = (request: HeadersRequest) => HeadersAnswer | Promise<HeadersAnswer>

/** Headers are renewed in the last fifth of their life, and no more than a minute before its end. */
const earlyShare = 0.2
const earlyMs = 60_000

/** The headers obtained for one destination. Outlives clients. */
interface Slot {
  value: ObtainedHeaders | undefined
  expiresAt: number
  refreshAt: number
  pending: Promise<ObtainedHeaders> | undefined
  /** Why the call that is pending was made. */
  pendingFor: HeadersReason | undefined
  /** These were refused: nothing more is sent with them while others are being asked for. */
  refused: ObtainedHeaders | undefined
  readonly first: HeadersReason
  readonly redactor: ReturnType<typeof createObtainedRedactor>
}

/** The headers that the clients of one exporter share. */
export interface HeadersMemory {
  latest?: { readonly origin: string; readonly slot: Slot }
}

function slotFor(memory: HeadersMemory, origin: string): Slot {
  if (memory.latest?.origin === origin) return memory.latest.slot
  const slot: Slot = {
    value: undefined,
    expiresAt: Number.POSITIVE_INFINITY,
    refreshAt: Number.POSITIVE_INFINITY,
    pending: undefined,
    pendingFor: undefined,
    refused: undefined,
    first: memory.latest === undefined ? 'start' : 'moved',
    redactor: createObtainedRedactor(),
  }
  memory.latest = { origin, slot }
  return slot
}

function read(answer: unknown, what: string): { headers: ObtainedHeaders; lifeMs: number } {
  const inner = (answer as { headers?: unknown } | null | undefined)?.headers
  if (typeof inner !== 'object')
    return { headers: checkObtained(answer, what), lifeMs: Number.POSITIVE_INFINITY }
  const lifeMs = (answer as { expiresInMs?: unknown }).expiresInMs ?? Number.POSITIVE_INFINITY
  if (typeof lifeMs !== 'number' || !(lifeMs > 0))
    throw credentialsFailed(`${what} must give an expiresInMs that is a number above 0`)
  return { headers: checkObtained(inner, what), lifeMs }
}

/**
 * Credentials from a function of the program: asked for once at a time, kept until they expire or are refused.
 * `origin` is that of the destination, `what` names the function in errors.
 */
export function functionCredentials(options: {
  readonly obtain: HeadersFunction
  readonly what: string
  readonly origin: string
  readonly memory: HeadersMemory
  readonly clock: Clock
  /** How long one call may take. */
  readonly timeoutMs: number
}): Credentials {
  const { obtain, what, origin, memory, clock, timeoutMs } = options
  const slot = slotFor(memory, origin)

  const call = (reason: HeadersReason): Promise<ObtainedHeaders> => {
    const controller = new AbortController()
    const late = (): Error => credentialsFailed(`${what} did not answer within ${timeoutMs / 1000} s`)
    const timer = clock.setTimeout(() => controller.abort(late()), timeoutMs)
    const answer = new Promise((resolve) => resolve(obtain({ reason, signal: controller.signal }))).then(
      (said) => read(said, what),
      (thrown: unknown) => {
        throw credentialsFailed(`${what} failed: ${slot.redactor.redact(messageOf(thrown))}`)
      },
    )
    return untilAborted(answer, controller.signal, () => controller.signal.reason)
      .then(({ headers, lifeMs }) => {
        const now = elapsed(clock)
        slot.redactor.learn(headers)
        slot.value = headers
        slot.expiresAt = now + lifeMs
        slot.refreshAt = now + lifeMs - Math.min(lifeMs * earlyShare, earlyMs)
        return headers
      })
      .finally(() => clock.clearTimeout(timer))
  }

  /** Everyone who asks meanwhile gets the answer to the same call. */
  const ask = (reason: HeadersReason): Promise<ObtainedHeaders> => {
    if (slot.pending) return slot.pending
    const pending = call(reason).finally(() => {
      slot.pending = undefined
    })
    pending.catch(() => {})
    slot.pending = pending
    slot.pendingFor = reason
    return pending
  }

  const patient = (answer: Promise<ObtainedHeaders>, signal: AbortSignal): Promise<ObtainedHeaders> =>
    untilAborted(answer, signal, () => credentialsFailed(`${what} did not answer in time`))

  /** The present ones go on being used while they are renewed. */
  const renewEarly = (now: number): void => {
    // After a failure it is tried again at half of what is left.
    slot.refreshAt = now + (slot.expiresAt - now) / 2
    void ask('expiring')
  }

  // Before the first batch needs them.
  if (slot.value === undefined) void ask(slot.first)

  return {
    async get(signal) {
      const now = elapsed(clock)
      const { value } = slot
      if (value === undefined) return patient(ask(slot.first), signal)
      if (value === slot.refused && slot.pending) return patient(slot.pending, signal)
      if (now >= slot.expiresAt) return patient(ask('expiring'), signal)
      if (now >= slot.refreshAt) renewEarly(now)
      return value
    },
    async renew(used, signal) {
      // Another attempt has got others meanwhile.
      if (slot.value !== undefined && !sameHeaders(slot.value, used)) return slot.value
      slot.refused = used
      if (slot.pending && slot.pendingFor !== 'refused') {
        // A call that does not know of the refusal may give the same again, from a cache of its own.
        const early = await patient(slot.pending, signal).catch(() => undefined)
        if (early && !sameHeaders(early, used)) return early
      }
      const others = await patient(ask('refused'), signal)
      return sameHeaders(others, used) ? undefined : others
    },
    redact: slot.redactor.redact,
  }
}
