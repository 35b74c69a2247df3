import { performance } from 'node:perf_hooks'
import type { Span } from './bus/span.ts'
import { checkedTimeout } from './control/calls.ts'
import { messageOf, TelemetryError } from './errors.ts'
import type { Logger } from './logger.ts'
import type { SystemState } from './status.ts'
import { atMost } from './waiting.ts'

/** The options of `telemetry.wrap()`. */
export interface WrapOptions {
  /**
   * Milliseconds that a call waits at most for its telemetry to be delivered. Default 2,000. It waits less where the
   * platform leaves less time, as far as an argument has `getRemainingTimeInMillis()`.
   */
  readonly flushTimeoutMs?: number
  /** Makes each call a span of this name, with the `request_id` of AWS Lambda. Default: no span. */
  readonly name?: string
}

/** A function that `telemetry.wrap()` takes: any function, or a handler of AWS Lambda with its callback. */
// biome-ignore lint/suspicious/noExplicitAny: parameters of a function type are contravariant, so that nothing else fits all.
export type WrappableHandler = (...args: any[]) => unknown

/**
 * The function that `telemetry.wrap()` returns: of the same parameters, and always with a promise. It is the promise of
 * the handler, also where the type of the handler says that it may return nothing, because it may end with a callback.
 */
export type WrappedHandler<Handler extends WrappableHandler> = (
  this: ThisParameterType<Handler>,
  ...args: Parameters<Handler>
) => // biome-ignore lint/suspicious/noConfusingVoidType: a handler that ends with a callback has this type.
[ReturnType<Handler>] extends [void]
  ? Promise<void>
  : ReturnType<Handler> extends infer Returned
    ? Returned extends void
      ? never
      : Promise<Awaited<Returned>>
    : never

/**
 * Wraps the handler of a function that its platform freezes between calls: AWS Lambda, Cloud Functions, Vercel. Starts
 * telemetry with the first call, runs the handler, and flushes before the result is returned. The result or error of the
 * handler passes unchanged; a backend that does not answer costs `flushTimeoutMs` and a warning. Handlers with a
 * third parameter are given a callback, unless the caller passes something else there.
 * @throws TelemetryError `HANDLER_INVALID`, `TIMEOUT_INVALID`.
 */
export type Wrap = <Handler extends WrappableHandler>(
  handler: Handler,
  options?: WrapOptions,
) => WrappedHandler<Handler>

const defaultFlushMs = 2_000
/** The platform needs some time of its own to send the result. */
const marginMs = 200
/** A remote configuration that hangs must not keep a call waiting. */
const startPatienceMs = 1_000

/** As much of the context of AWS Lambda as is used here. */
interface PlatformContext {
  readonly awsRequestId?: unknown
  getRemainingTimeInMillis(): unknown
}

const isContext = (value: unknown): value is PlatformContext =>
  typeof (value as Partial<PlatformContext> | null | undefined)?.getRemainingTimeInMillis === 'function'

/** Returns the time that the platform leaves for this call, less the margin. */
function timeLeftMs(context: PlatformContext | undefined): number {
  if (context === undefined) return Number.POSITIVE_INFINITY
  try {
    const left = context.getRemainingTimeInMillis()
    return typeof left === 'number' && !Number.isNaN(left) ? left - marginMs : Number.POSITIVE_INFINITY
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

const isThenable = (value: unknown): boolean =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function'

/** Runs a handler to its end: of the promise that it returns, or of the callback that it is given. */
function outcomeOf(handler: WrappableHandler, self: unknown, args: readonly unknown[]): Promise<unknown> {
  const [event, context, third, ...rest] = args
  const takesCallback = handler.length >= 3 && (third === undefined || typeof third === 'function')
  return new Promise((resolve, reject) => {
    if (!takesCallback) return resolve(handler.apply(self, [...args]))
    const callback = (error?: unknown, result?: unknown): void => {
      if (error === undefined || error === null) resolve(result)
      else reject(error)
    }
    const returned = handler.call(self, event, context, callback, ...rest)
    if (isThenable(returned)) resolve(returned)
  })
}

/** As much of a telemetry system as is used here. */
interface WrappingSystem {
  start(): Promise<void>
  flush(options: { readonly timeoutMs: number }): Promise<{ readonly complete: boolean }>
  readonly span: Span
}

export function createWrap({
  system,
  state,
  logger,
}: {
  system: () => WrappingSystem
  state: () => SystemState
  logger: Logger
}): Wrap {
  /** One warning, until a call went well. */
  let warned = false
  const warn = (details: object, message: string): void => {
    if (!warned) logger.warn(details, message)
    warned = true
  }

  /** The start that is under way. Never rejects. */
  let starting: Promise<void> | undefined

  const begin = (withinMs: number): Promise<void> => {
    starting = system()
      .start()
      .catch((error: unknown) => {
        if (state() === 'idle') warn({ error: messageOf(error) }, 'wrap: telemetry cannot be started')
      })
      .finally(() => {
        starting = undefined
      })
    return atMost(withinMs, starting)
  }

  /** Never rejects. */
  const deliver = async (withinMs: number): Promise<void> => {
    const deadline = performance.now() + withinMs
    try {
      if (starting) await atMost(withinMs, starting)
      if (starting) warn({}, 'wrap: telemetry has not started yet; what was emitted waits for it')
      if (state() !== 'running') return
      const { complete } = await system().flush({ timeoutMs: Math.max(deadline - performance.now(), 0) })
      if (complete) warned = false
      else warn({}, 'wrap: not everything was delivered before a call returned; it goes with the next call')
    } catch (error) {
      warn({ error: messageOf(error) }, 'wrap: the flush after a call failed')
    }
  }

  return (handler, options = {}) => {
    if (typeof handler !== 'function')
      throw new TelemetryError('HANDLER_INVALID', 'wrap() needs a function to wrap')
    const { name } = options
    const flushTimeoutMs = checkedTimeout('wrap', options.flushTimeoutMs, defaultFlushMs, 'flushTimeoutMs')

    async function wrapped(this: unknown, ...args: unknown[]): Promise<unknown> {
      const context = args.find(isContext)
      const budget = (ms: number): number => Math.max(Math.min(ms, timeLeftMs(context)), 0)
      if (state() === 'idle' && !starting) await begin(budget(startPatienceMs))
      try {
        const run = (): Promise<unknown> => outcomeOf(handler, this, args)
        if (name === undefined) return await run()
        const id = context?.awsRequestId
        return await system().span(name, typeof id === 'string' ? { request_id: id } : {}, run)
      } finally {
        await deliver(budget(flushTimeoutMs))
      }
    }
    // AWS Lambda marks handlers that stream by a property.
    return Object.assign(wrapped, handler) as unknown as WrappedHandler<typeof handler>
  }
}
