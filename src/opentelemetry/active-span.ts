import type { Context, ContextManager, Span, SpanContext, TraceState } from '@opentelemetry/api'
import type { SpanScope } from '../bus/event.ts'
import { createScopes, type ParentContext, type ScopeHooks } from '../bus/scope.ts'

// What @opentelemetry/api 1.x keeps under well-known symbols, so that all copies of it in a process share it. Reading
// them costs nothing in programs without OpenTelemetry, and loads nothing.
const apiKey = Symbol.for('opentelemetry.js.api.1')
const spanKey = Symbol.for('OpenTelemetry Context Key SPAN')

/** The context manager that an OpenTelemetry SDK has registered, if any. */
const contextManager = (): ContextManager | undefined =>
  (globalThis as { [apiKey]?: { context?: ContextManager } })[apiKey]?.context

// That of createContextKey in @opentelemetry/core: a Symbol.for.
const suppressKey = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

/** Whether the running code asked not to be traced: an SDK that exports, for example. Never throws. */
export function isTracingSuppressed(): boolean {
  try {
    return contextManager()?.active().getValue(suppressKey) === true
  } catch {
    return false
  }
}

const notDecided = 1

/**
 * Puts our spans into the context of `@opentelemetry/api`, and takes its active span as the parent of ours, wherever a
 * context manager is registered.
 */
function openTelemetryHooks(): ScopeHooks {
  let lastSpan: Span | undefined
  let lastParent: ParentContext | undefined

  return {
    inUse: () => contextManager() !== undefined,
    ambient: () => {
      const manager = contextManager()
      if (manager === undefined) return undefined
      const span = manager.active().getValue(spanKey) as Span | undefined
      if (span === undefined) return undefined
      if (span !== lastSpan) {
        lastParent = parentOf(span.spanContext())
        lastSpan = span
      }
      return lastParent
    },
    around: (scope, fn) => {
      const manager = contextManager()
      if (manager === undefined) return fn()
      return manager.with(withSpan(manager.active(), scope), fn)
    },
  }
}

/** Shared by the bus and the span() of a telemetry system. */
export const openTelemetryScopes = () => createScopes(openTelemetryHooks())

const parentOf = ({ traceId, spanId, traceFlags, traceState, isRemote }: SpanContext): ParentContext => ({
  traceId,
  spanId,
  traceFlags,
  traceState: traceState?.serialize() || undefined,
  isRemote: isRemote === true,
})

const withSpan = (context: Context, scope: SpanScope): Context =>
  context.setValue(spanKey, new ScopeSpan(scope))

/** A span that others can be children of. Its name, times and attributes are those of our events: it records nothing. */
class ScopeSpan implements Span {
  readonly #scope: SpanScope
  #context: SpanContext | undefined

  constructor(scope: SpanScope) {
    this.#scope = scope
  }

  spanContext(): SpanContext {
    this.#context ??= contextOf(this.#scope)
    return this.#context
  }

  isRecording(): boolean {
    return false
  }

  setAttribute(): this {
    return this
  }

  setAttributes(): this {
    return this
  }

  addEvent(): this {
    return this
  }

  addLink(): this {
    return this
  }

  addLinks(): this {
    return this
  }

  setStatus(): this {
    return this
  }

  updateName(): this {
    return this
  }

  recordException(): void {}

  end(): void {}
}

const contextOf = ({ traceId, spanId, traceFlags, announcedFlags, traceState }: SpanScope): SpanContext => ({
  traceId,
  spanId,
  traceFlags: traceFlags ?? announcedFlags ?? notDecided,
  ...(traceState !== undefined && { traceState: stateOf(traceState) }),
})

/** A valid `tracestate` as the API has it: immutable, what changed last comes first. */
function stateOf(text: string): TraceState {
  const members = text
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')
  const keyOf = (member: string): string => member.slice(0, member.indexOf('='))
  const without = (key: string): string[] => members.filter((member) => keyOf(member) !== key)
  return {
    get: (key) => members.find((member) => keyOf(member) === key)?.slice(key.length + 1),
    set: (key, value) => stateOf([`${key}=${value}`, ...without(key)].join(',')),
    unset: (key) => stateOf(without(key).join(',')),
    serialize: () => members.join(','),
  }
}
