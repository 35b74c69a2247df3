import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import type { Channel } from 'node:diagnostics_channel'
import type { SpanScope } from './event.ts'
import { Scope } from './span-scope.ts'

/** A span that telemachine did not open: W3C ids, and what is known of the trace. */
export type ParentContext = Pick<
  SpanScope,
  'traceId' | 'spanId' | 'traceFlags' | 'announcedFlags' | 'traceState' | 'isRemote'
>

export interface ScopeHooks {
  /**
   * Whether another tracing API is in use in the process. While it returns false, no other hook is called. Default:
   * true.
   */
  readonly inUse?: (() => boolean) | undefined
  /** The span that is active in another tracing API, if any (an @opentelemetry/api context). */
  readonly ambient?: (() => ParentContext | undefined) | undefined
  /** Runs `fn` so that the other API sees `scope` as its active span. */
  readonly around?: ((scope: SpanScope, fn: () => unknown) => unknown) | undefined
}

/** Where in a trace the running code is. */
export interface Scopes {
  /** The innermost span around the caller: ours, or an ambient one (whose `name` is empty). Never throws. */
  current(): Scope | undefined
  /** Runs `fn` with `argument`, once, inside `scope`; returns what it returns, throws what it throws, whatever the hooks do. */
  run<Argument, Result>(scope: Scope, fn: (argument: Argument) => Result, argument: Argument): Result
  /**
   * Makes `scope` the innermost one for the rest of the current synchronous execution and for what that starts; undefined:
   * none of ours. For subscribers, whose caller runs the code that is to be inside. Other tracing APIs do not see it.
   */
  enter(scope: Scope | undefined): void
  /**
   * `channel.runStores` runs its function inside the scope that `open` returns for the message; undefined leaves it where
   * it is. `open` must not throw. Returns a function that undoes it. A channel has one such binding at a time.
   */
  bind(channel: Channel, open: (message: unknown) => Scope | undefined): () => void
}

/** A scope that was entered under a span of another API: a different one later is an inner one. */
class Entered {
  readonly scope: Scope
  readonly ambient: Scope
  constructor(scope: Scope, ambient: Scope) {
    this.scope = scope
    this.ambient = ambient
  }
}

// One for the process: spans of several telemetry instances nest. Made by the first span, so that others never pay.
let storage: AsyncLocalStorage<Scope | Entered> | undefined

const root = new AsyncResource('telemachine', { requireManualDestroy: true })

/** Runs `fn` outside of every span and request of the application: what it starts is not theirs. */
export const outside = (fn: () => void): void => root.runInAsyncScope(fn)

const inUseAlways = (): boolean => true

export function createScopes({ inUse = inUseAlways, ambient, around }: ScopeHooks = {}): Scopes {
  const hooked = ambient !== undefined || around !== undefined
  let latest: ParentContext | undefined
  let latestScope: Scope | undefined

  const readAmbient = (): Scope | undefined => {
    if (ambient === undefined) return undefined
    try {
      const parent = ambient()
      if (parent !== latest) {
        latestScope = parent && Scope.from(parent)
        latest = parent
      }
      return latestScope
    } catch {
      return undefined
    }
  }

  const isHooked = (): boolean => {
    try {
      return hooked && inUse()
    } catch {
      return false
    }
  }

  const current = (): Scope | undefined => {
    const entered = storage?.getStore()
    const outer = isHooked() ? readAmbient() : undefined
    if (outer === undefined) return entered instanceof Entered ? entered.scope : entered
    if (entered === undefined) return outer
    if (entered instanceof Scope) return isSame(outer, entered) ? entered : outer
    return isSame(outer, entered.scope) || isSame(outer, entered.ambient) ? entered.scope : outer
  }

  const enter = <Argument, Result>(
    scope: Scope,
    fn: (argument: Argument) => Result,
    argument: Argument,
    outer: Scope | undefined,
  ): Result => {
    storage ??= new AsyncLocalStorage()
    return storage.run(held(scope, outer), fn, argument)
  }

  /** Returns the entry to store for a scope that is entered here, without a hook around it. */
  const heldHere = (scope: Scope): Scope | Entered => held(scope, isHooked() ? readAmbient() : undefined)

  return {
    current,
    run: (scope, fn, argument) => {
      if (!isHooked()) return enter(scope, fn, argument, undefined)
      if (around === undefined) return enter(scope, fn, argument, readAmbient())
      const once = runOnce(() => enter(scope, fn, argument, readAmbient()))
      try {
        around(scope, once)
      } catch {
        // Either the error of fn, which is thrown below, or a failure of the hook, which is ignored.
      }
      return once()
    },
    enter: (scope) => {
      if (scope === undefined) {
        if (storage?.getStore() !== undefined) storage.enterWith(undefined as never)
        return
      }
      storage ??= new AsyncLocalStorage()
      storage.enterWith(heldHere(scope))
    },
    bind: (channel, open) => {
      storage ??= new AsyncLocalStorage()
      const bound = storage
      channel.bindStore(bound, (message) => {
        const scope = open(message)
        return scope === undefined ? (bound.getStore() as Scope | Entered) : heldHere(scope)
      })
      return () => void channel.unbindStore(bound)
    },
  }
}

const held = (scope: Scope, outer: Scope | undefined): Scope | Entered =>
  outer === undefined ? scope : new Entered(scope, outer)

const isSame = (a: Scope, b: Scope): boolean => a.spanLow === b.spanLow && a.spanHigh === b.spanHigh

/** The process's scopes without hooks. */
export const processScopes = createScopes()

/** `fn`, run by the first call; every call has its outcome. */
function runOnce<Result>(fn: () => Result): () => Result {
  let outcome: { readonly value: Result } | { readonly thrown: unknown } | undefined
  return () => {
    if (outcome === undefined) {
      try {
        outcome = { value: fn() }
      } catch (thrown) {
        outcome = { thrown }
      }
    }
    if ('thrown' in outcome) throw outcome.thrown
    return outcome.value
  }
}
