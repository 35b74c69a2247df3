type Listener = Parameters<AbortSignal['addEventListener']>[1]
type Callable = Exclude<Listener, null | undefined>
type OnError = (error: unknown) => void
type Handler = (event: Event) => unknown

const reportsTo: unique symbol = Symbol('reportsTo')

interface Guarded extends AbortSignal {
  readonly [reportsTo]: OnError
}

function call(signal: Guarded, listener: Callable, event: Event): void {
  const onError = signal[reportsTo]
  try {
    const returned: unknown =
      typeof listener === 'function' ? listener.call(signal, event) : listener.handleEvent(event)
    if (returned instanceof Promise) returned.catch(onError)
  } catch (error) {
    onError(error)
  }
}

type Guard = (this: Guarded, event: Event) => void

/** The guards of listeners, which are the same for every signal. */
const guards = new WeakMap<object, Guard>()

function guardOf(listener: Callable): Guard {
  let guard = guards.get(listener)
  if (guard === undefined) {
    guard = function (event) {
      call(this, listener, event)
    }
    guards.set(listener, guard)
  }
  return guard
}

function guarded(listener: Listener): Listener {
  const isCallable = typeof listener === 'function' || (typeof listener === 'object' && listener !== null)
  return isCallable ? (guardOf(listener) as unknown as Listener) : listener
}

const onabort = new WeakMap<AbortSignal, Handler>()

const { prototype } = AbortSignal
const { addEventListener, removeEventListener } = prototype

/**
 * The prototype of guarded signals. Accessors or closures as own properties would cost each signal a hidden
 * class, which V8 makes in the old generation, and what such a closure refers to (a batch, its request) would live until
 * the next full collection.
 */
const guardedPrototype: AbortSignal = Object.create(prototype, {
  addEventListener: {
    value(this: AbortSignal, type: string, listener: Listener, ...rest: readonly unknown[]) {
      Reflect.apply(addEventListener, this, [type, guarded(listener), ...rest])
    },
  },
  removeEventListener: {
    value(this: AbortSignal, type: string, listener: Listener, ...rest: readonly unknown[]) {
      Reflect.apply(removeEventListener, this, [type, guarded(listener), ...rest])
    },
  },
  onabort: {
    get(this: AbortSignal) {
      return onabort.get(this) ?? null
    },
    set(this: AbortSignal, handler: Handler | null) {
      const before = onabort.get(this)
      if (before !== undefined) this.removeEventListener('abort', before)
      onabort.delete(this)
      if (typeof handler !== 'function') return
      onabort.set(this, handler)
      this.addEventListener('abort', handler)
    },
  },
})

/**
 * An AbortController for a driver. Node makes an uncaught exception of what a listener throws, which would end the
 * host; here it is given to `onError` instead.
 */
export function guardedAbort(onError: OnError): AbortController {
  const controller = new AbortController()
  const signal = Object.setPrototypeOf(controller.signal, guardedPrototype) as AbortSignal
  Object.defineProperty(signal, reportsTo, { value: onError })
  return controller
}
