import type { Clock } from '../clock.ts'
import type { Outcome } from './outcome.ts'

/** One running attempt to export one batch. */
export interface Attempt {
  readonly outcome: Promise<Outcome>
  /** Ends it now; it settles within a turn or two, `ambiguous` unless the driver knows better. */
  cut(): void
}

const types: ReadonlySet<unknown> = new Set(['delivered', 'retry', 'refused', 'misdirected', 'too_large'])

const isOutcome = (value: unknown): value is Outcome =>
  typeof value === 'object' && value !== null && types.has((value as { type?: unknown }).type)

/** What a driver's answer means; whatever is not an Outcome is a failure that may have arrived. */
const understood = (value: unknown): Outcome =>
  isOutcome(value)
    ? value
    : {
        type: 'retry',
        ambiguous: true,
        cause: new Error('the exporter returned something that is no outcome'),
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
  run: (context: { signal: AbortSignal; deadline: number }) => Promise<Outcome> | undefined,
  { clock, timeoutMs }: { clock: Clock; timeoutMs: number },
): Attempt {
  const controller = new AbortController()
  let settle: (outcome: Outcome | Promise<Outcome>) => void = () => {}
  const outcome = new Promise<Outcome>((resolve) => {
    settle = resolve
  })

  let answer: Promise<Outcome>
  try {
    answer = Promise.resolve(
      run({ signal: controller.signal, deadline: clock.now() + timeoutMs }) as Promise<unknown>,
    ).then(understood, (cause) => ({ type: 'retry', ambiguous: true, cause }))
  } catch (cause) {
    answer = Promise.resolve({ type: 'retry', cause })
  }

  const end = (cause: Error): void => {
    controller.abort(cause)
    settle(lastWord(answer, { type: 'retry', ambiguous: true, cause }))
  }
  const timer = clock.setTimeout(
    () => end(new Error(`no answer within ${timeoutMs / 1000} s`)),
    Math.max(timeoutMs, 0),
  )
  void answer.then((known) => settle(known))
  void outcome.then(() => clock.clearTimeout(timer))

  return { outcome, cut: () => end(new Error('the attempt was cut short')) }
}
