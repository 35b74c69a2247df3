import { TelemetryError } from '../errors.ts'
import type { TelemetryEvent } from './event.ts'
import { glob } from './glob.ts'

/** Is called with each event that matches. An error that it throws is counted, and does not reach the caller of `emit`. */
export type Handler = (event: TelemetryEvent) => unknown

/** The options of `telemetry.attach()`. */
export interface HandlerOptions {
  /** Whether a handler that throws or rejects stays attached. Default `keep`. */
  readonly onError?: 'keep' | 'detach'
}

/** An attached handler, as `telemetry.handlers()` lists it. */
export interface HandlerStatus {
  readonly id: string
  readonly patterns: readonly string[]
  readonly failures: number
  readonly onError: 'keep' | 'detach'
}

/** A handler while it is attached, and (`attached: false`) while a dispatch that began before still holds it. */
export interface AttachedHandler extends HandlerStatus {
  readonly matches: (name: string) => boolean
  readonly handle: Handler
  attached: boolean
  failures: number
}

export interface HandlerTable {
  /** @throws TelemetryError `HANDLER_EXISTS`, `HANDLER_INVALID`, `PATTERN_INVALID`. */
  attach(
    id: string,
    patterns: string | readonly string[],
    handle: Handler,
    options?: HandlerOptions,
  ): () => void
  detach(id: string): boolean
  matching(name: string): AttachedHandler[]
  list(): HandlerStatus[]
  readonly size: number
  readonly failures: number
  /** Calls one handler; a throw or a rejection is counted and told to `onFailure`. Never throws. */
  call(handler: AttachedHandler, event: TelemetryEvent): void
}

export function createHandlerTable(
  onChange: () => void,
  onFailure: (handler: HandlerStatus, thrown: unknown, event: TelemetryEvent) => void,
): HandlerTable {
  const handlers = new Map<string, AttachedHandler>()
  let failures = 0

  const remove = (handler: AttachedHandler | undefined): boolean => {
    if (handler === undefined || !handler.attached) return false
    handler.attached = false
    handlers.delete(handler.id)
    onChange()
    return true
  }

  const failed = (handler: AttachedHandler, thrown: unknown, event: TelemetryEvent): void => {
    failures++
    handler.failures++
    if (handler.onError === 'detach') remove(handler)
    onFailure(handler, thrown, event)
  }

  return {
    attach: (id, patterns, handle, options) => {
      if (typeof id !== 'string' || id === '')
        throw new TelemetryError('HANDLER_INVALID', 'the id of a handler must be a string that is not empty')
      if (typeof handle !== 'function')
        throw new TelemetryError('HANDLER_INVALID', `handler '${id}' is not a function`)
      if (handlers.has(id))
        throw new TelemetryError(
          'HANDLER_EXISTS',
          `a handler '${id}' is attached already: detach it first, or use another id`,
        )
      const list = checkedPatterns(patterns)
      const onError = options?.onError === 'detach' ? 'detach' : 'keep'
      const handler: AttachedHandler = {
        id,
        patterns: list,
        matches: anyOf(list),
        handle,
        onError,
        failures: 0,
        attached: true,
      }
      handlers.set(id, handler)
      onChange()
      return () => {
        remove(handler)
      }
    },
    detach: (id) => remove(handlers.get(id)),
    matching: (name) => [...handlers.values()].filter((handler) => handler.matches(name)),
    list: () =>
      [...handlers.values()].map(({ id, patterns, failures, onError }) => ({
        id,
        patterns,
        failures,
        onError,
      })),
    get size() {
      return handlers.size
    },
    get failures() {
      return failures
    },
    call: (handler, event) => {
      try {
        const result = handler.handle(event)
        // As a promise, because a thenable may settle twice and then throw.
        if (isThenable(result))
          Promise.resolve(result).then(undefined, (thrown) => failed(handler, thrown, event))
      } catch (thrown) {
        failed(handler, thrown, event)
      }
    },
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'

/** A copy of the patterns as a list. @throws TelemetryError `PATTERN_INVALID`. */
export function checkedPatterns(patterns: string | readonly string[]): readonly string[] {
  const list: readonly unknown[] =
    typeof patterns === 'string' ? [patterns] : Array.isArray(patterns) ? [...patterns] : [patterns]
  for (const pattern of list)
    if (typeof pattern !== 'string')
      throw new TelemetryError('PATTERN_INVALID', 'an event pattern must be a string')
  return Object.freeze(list as readonly string[])
}

/** True for a name that at least one of the patterns matches. */
export function anyOf(patterns: readonly string[]): (name: string) => boolean {
  const globs = patterns.map(glob)
  return (name) => globs.some((matches) => matches(name))
}
