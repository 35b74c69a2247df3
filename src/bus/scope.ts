import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { randomFillSync } from 'node:crypto'
import type { SpanScope } from './event.ts'

/** A span that telemachine did not open: W3C ids, and what is known of the trace. */
export type ParentContext = Pick<
  SpanScope,
  'traceId' | 'spanId' | 'traceFlags' | 'announcedFlags' | 'traceState' | 'isRemote'
>

export interface ScopeHooks {
  /** The span that is active in another tracing API, if any (an @opentelemetry/api context). */
  readonly ambient?: (() => ParentContext | undefined) | undefined
  /** Runs `fn` so that the other API sees `scope` as its active span. */
  readonly around?: ((scope: SpanScope, fn: () => unknown) => unknown) | undefined
}

/** Where in a trace the running code is. */
export interface Scopes {
  /** The innermost span around the caller: ours, or an ambient one (whose `name` is empty). Never throws. */
  current(): SpanScope | undefined
  /** Runs `fn`, once, inside `scope`; returns what it returns, throws what it throws, whatever the hooks do. */
  run<Result>(scope: SpanScope, fn: () => Result): Result
}

interface Entered {
  readonly scope: SpanScope
  /** What was ambient when the scope was entered: a different one later is an inner one. */
  readonly ambientSpanId: string | undefined
}

// One for the process: spans of several telemetry instances nest. Made by the first span, so that others never pay.
let storage: AsyncLocalStorage<Entered> | undefined

const root = new AsyncResource('telemachine', { requireManualDestroy: true })

/** Runs `fn` outside of every span and request of the application: what it starts is not theirs. */
export const outside = (fn: () => void): void => root.runInAsyncScope(fn)

export function createScopes({ ambient, around }: ScopeHooks = {}): Scopes {
  const readAmbient = (): ParentContext | undefined => {
    if (ambient === undefined) return undefined
    try {
      const parent = ambient()
      return parent !== undefined && isTraceId(parent.traceId) && isSpanId(parent.spanId) ? parent : undefined
    } catch {
      return undefined
    }
  }

  const current = (): SpanScope | undefined => {
    const entered = storage?.getStore()
    const parent = readAmbient()
    if (parent === undefined) return entered?.scope
    if (entered !== undefined) {
      const { spanId } = parent
      if (spanId === entered.scope.spanId || spanId === entered.ambientSpanId) return entered.scope
    }
    const { traceId, spanId, traceFlags, traceState, isRemote } = parent
    return { traceId, spanId, traceFlags, traceState, isRemote, name: '' }
  }

  const enter = <Result>(scope: SpanScope, fn: () => Result): Result => {
    const ambientSpanId = readAmbient()?.spanId
    storage ??= new AsyncLocalStorage()
    return storage.run({ scope, ambientSpanId }, fn)
  }

  if (around === undefined) return { current, run: enter }
  return {
    current,
    run: (scope, fn) => {
      const once = runOnce(() => enter(scope, fn))
      try {
        around(scope, once)
      } catch {
        // Either what fn threw, which is thrown below, or the hook's own failure, which is nobody's business.
      }
      return once()
    },
  }
}

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

export const isTraceId = (id: unknown): id is string =>
  typeof id === 'string' && /^[0-9a-f]{32}$/.test(id) && !/^0+$/.test(id)

export const isSpanId = (id: unknown): id is string =>
  typeof id === 'string' && /^[0-9a-f]{16}$/.test(id) && !/^0+$/.test(id)

// Random bytes are cheap by the kilobyte and dear by the dozen.
const pool = Buffer.allocUnsafe(1536)
let hex = ''
let used = 0

function randomHex(length: number): string {
  for (;;) {
    if (used + length > hex.length) {
      hex = randomFillSync(pool).toString('hex')
      used = 0
    }
    const id = hex.slice(used, used + length)
    used += length
    if (!/^0+$/.test(id)) return id
  }
}

export const newSpanId = (): string => randomHex(16)
