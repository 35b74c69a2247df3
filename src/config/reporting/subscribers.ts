import { glob } from '../../bus/glob.ts'
import { messageOf } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { ValueChange } from '../changes/plan.ts'
import type { Redactor } from '../presentation/redact.ts'

/** Is called with the path of an effective value that changed, its old value and its new one. */
export type Subscriber = (path: string, oldValue: unknown, newValue: unknown) => void

export interface Subscribers {
  add(pattern: string, callback: Subscriber): () => void
  notify(changes: readonly ValueChange[]): void
  errors(): number
}

/** The subscribers of effective values. A subscriber that throws or rejects is counted and logged. */
export function createSubscribers(logger: Logger, redactor: Redactor): Subscribers {
  const subscribers = new Set<{ matches: (path: string) => boolean; callback: Subscriber }>()
  let errors = 0

  const failed = (path: string, error: unknown): void => {
    errors += 1
    logger.warn({ path, error: redactor.text(messageOf(error)) }, 'a subscriber of the configuration failed')
  }

  const tell = (callback: Subscriber, { path, oldValue, newValue }: ValueChange): void => {
    try {
      const returned: unknown = callback(path, structuredClone(oldValue), structuredClone(newValue))
      if (returned instanceof Promise) returned.catch((error) => failed(path, error))
    } catch (error) {
      failed(path, error)
    }
  }

  return {
    add: (pattern, callback) => {
      const whole = glob(pattern)
      const subscriber = {
        // Patterns are accepted with and without the leading `telemetry.`, as paths are.
        matches: (path: string) => whole(path) || whole(path.slice('telemetry.'.length)),
        callback,
      }
      subscribers.add(subscriber)
      return () => void subscribers.delete(subscriber)
    },
    notify: (changes) => {
      const listening = [...subscribers]
      for (const change of changes) {
        for (const one of listening) {
          if (subscribers.has(one) && one.matches(change.path)) tell(one.callback, change)
        }
      }
    },
    errors: () => errors,
  }
}
