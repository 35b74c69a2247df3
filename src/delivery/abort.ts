type Listener = Parameters<AbortSignal['addEventListener']>[1]

/**
 * An AbortController for a driver. Node makes an uncaught exception of what a listener throws, which would end the
 * host; here it is given to `onError` instead.
 */
export function guardedAbort(onError: (error: unknown) => void): AbortController {
  const controller = new AbortController()
  const { signal } = controller
  const wrapped = new WeakMap<object, (event: Event) => void>()
  let onabort: ((event: Event) => unknown) | null = null

  const call = (listener: NonNullable<Listener>, event: Event): void => {
    try {
      const returned: unknown =
        typeof listener === 'function' ? listener.call(signal, event) : listener.handleEvent(event)
      if (returned instanceof Promise) returned.catch(onError)
    } catch (error) {
      onError(error)
    }
  }
  const guarded = (listener: Listener): Listener => {
    if ((typeof listener !== 'function' && typeof listener !== 'object') || listener === null) return listener
    let guard = wrapped.get(listener)
    if (guard === undefined) {
      guard = (event) => call(listener, event)
      wrapped.set(listener, guard)
    }
    return guard
  }

  const add = signal.addEventListener.bind(signal) as AbortSignal['addEventListener']
  const remove = signal.removeEventListener.bind(signal) as AbortSignal['removeEventListener']
  Object.defineProperties(signal, {
    addEventListener: {
      value: (
        type: 'abort',
        listener: Listener,
        ...rest: [{ once?: boolean; passive?: boolean; signal?: AbortSignal }?]
      ) => add(type, guarded(listener) as never, ...rest),
    },
    removeEventListener: {
      value: (type: 'abort', listener: Listener, ...rest: [EventListenerOptions?]) =>
        remove(type, guarded(listener) as never, ...rest),
    },
    onabort: {
      get: () => onabort,
      set: (listener: typeof onabort) => {
        if (onabort) remove('abort', guarded(onabort) as never)
        onabort = typeof listener === 'function' ? listener : null
        if (onabort) add('abort', guarded(onabort) as never)
      },
    },
  })
  return controller
}
