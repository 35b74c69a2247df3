/** Tells a request that its attempt has been ended early. An AbortSignal is one. */
export interface AbortSource {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** The property of a context that has a source beside its `signal`. */
export const abortSource: unique symbol = Symbol('abortSource')

interface Aborted {
  readonly signal: AbortSignal
  readonly [abortSource]?: AbortSource
}

/**
 * Returns the abort source of a context. An AbortSignal is made when `signal` is first read: Node gives each of them
 * hidden classes of its own, in the old generation, which is a full collection every few hundred requests.
 */
export const abortOf = (context: Aborted): AbortSource => context[abortSource] ?? context.signal
