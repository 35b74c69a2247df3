import type { Clock } from '../clock.ts'
import type { Outcome } from '../exporters/outcome.ts'
import { AttemptAbort } from './attempt-abort.ts'

/** One running attempt to export one batch. */
export interface Attempt {
  readonly outcome: Promise<Outcome>
  /** Ends it now; it settles within a turn or two, `ambiguous` unless the driver knows better. */
  cut(): void
}

/** Each field is read once: what a driver does to its answer later, or in a getter, changes nothing. */
function read(value: unknown): Outcome | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { type, rejected, afterSeconds, ambiguous, stale, unhealthy, returned, unsent, cause } =
    value as Record<string, unknown>
  switch (type) {
    case 'delivered':
      return {
        type,
        rejected: typeof rejected === 'number' && rejected > 0 ? Math.floor(rejected) : 0,
        ...(cause !== undefined && { cause }),
        ...(typeof ambiguous === 'number' && ambiguous > 0 && { ambiguous: Math.floor(ambiguous) }),
      }
    case 'retry':
      return {
        type,
        cause,
        ambiguous: Boolean(ambiguous),
        ...(stale === true && { stale }),
        ...(typeof afterSeconds === 'number' && { afterSeconds }),
      }
    case 'refused':
      return {
        ...{ type, cause, unhealthy: Boolean(unhealthy) },
        ...(returned === true && { returned, ambiguous: Boolean(ambiguous) }),
      }
    case 'misdirected':
      return { type, cause, ...(returned === true && { returned }) }
    case 'too_large':
      return { type, unsent: Boolean(unsent), ambiguous: Boolean(ambiguous) }
    default:
      return undefined
  }
}

/** Checks a driver's answer; anything but an Outcome is a failure after which the batch may have arrived. */
function understood(value: unknown): Outcome {
  let cause: unknown = new Error('the exporter returned something that is not an Outcome')
  try {
    const outcome = read(value)
    if (outcome) return outcome
  } catch (thrown) {
    cause = thrown
  }
  return { type: 'retry', ambiguous: true, cause }
}

/** Lets a driver that was just aborted say what it knows about the request. */
const lastWord = (answer: Promise<Outcome>, otherwise: Outcome): Promise<Outcome> =>
  Promise.race([
    answer,
    new Promise<Outcome>((resolve) => setImmediate(() => setImmediate(() => resolve(otherwise)))),
  ])

/**
 * Runs one attempt and bounds it: it settles exactly once, at its deadline at the latest, whatever the
 * driver does - throws, never settles, settles twice, returns garbage.
 */
export function startAttempt(
  run: (abort: AttemptAbort, deadline: number) => Promise<Outcome> | undefined,
  { clock, timeoutMs, onError }: { clock: Clock; timeoutMs: number; onError: (error: unknown) => void },
): Attempt {
  const abort = new AttemptAbort(onError)
  let answered = false
  let settle: (outcome: Outcome | Promise<Outcome>) => void = () => {}
  const outcome = new Promise<Outcome>((resolve) => {
    settle = resolve
  })

  let answer: Promise<Outcome>
  try {
    answer = Promise.resolve(run(abort, clock.now() + timeoutMs) as Promise<unknown>).then(
      understood,
      (cause) => ({ type: 'retry', ambiguous: true, cause }),
    )
  } catch (cause) {
    answer = Promise.resolve({ type: 'retry', cause })
  }

  const end = (cause: Error): void => {
    abort.abort(cause)
    settle(lastWord(answer, { type: 'retry', ambiguous: true, cause }))
  }
  const expire = (): void => {
    if (!answered) end(new Error(`no answer within ${timeoutMs / 1000} s`))
  }
  // An event loop that was blocked runs its timers before it reads its sockets: what the backend answered meanwhile counts.
  const timer = clock.setTimeout(() => setImmediate(expire), Math.max(timeoutMs, 0))
  void answer.then((known) => {
    answered = true
    settle(known)
  })
  void outcome.then(() => clock.clearTimeout(timer))

  return { outcome, cut: () => end(new Error('the attempt was cut short')) }
}
