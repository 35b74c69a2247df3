import { type AbortSource, abortSource } from '../exporters/abort-source.ts'
import { guardedAbort } from './abort.ts'

/** Ends one attempt early. Most attempts end by themselves, and never need an AbortSignal. */
export class AttemptAbort implements AbortSource {
  // `declare`: a field definition would be a store of its own, before the constructor's.
  declare aborted: boolean
  declare reason: unknown
  readonly #onError: (error: unknown) => void
  readonly #listeners: Set<() => void>
  #controller: AbortController | undefined

  constructor(onError: (error: unknown) => void) {
    this.aborted = false
    this.reason = undefined
    this.#onError = onError
    this.#listeners = new Set()
    this.#controller = undefined
  }

  /** One and the same for all who ask. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = guardedAbort(this.#onError)
      if (this.aborted) this.#controller.abort(this.reason)
    }
    return this.#controller.signal
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener)
  }

  abort(reason: Error): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    for (const listener of this.#listeners)
      try {
        listener()
      } catch (error) {
        this.#onError(error)
      }
    this.#controller?.abort(reason)
  }
}

interface Abortable {
  readonly [abortSource]: AttemptAbort
}

function signalOf(this: Abortable): AbortSignal {
  return this[abortSource].signal
}

// One function for all contexts: a getter of its own would give each of them a hidden class of its own.
const signalProperty: PropertyDescriptor = { get: signalOf, enumerable: true, configurable: true }

/** The context of an attempt, with its `signal`, which is made when a driver first reads or copies it. */
export function withSignal<Context extends object>(
  context: Context,
  abort: AttemptAbort,
): Context & { readonly signal: AbortSignal } {
  Object.defineProperty(context, abortSource, { value: abort })
  Object.defineProperty(context, 'signal', signalProperty)
  return context as Context & { readonly signal: AbortSignal }
}
