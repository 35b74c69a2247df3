import type { BridgedSpan } from '../bus/bridged-span.ts'
import type { Scope } from '../bus/span-scope.ts'
import { withLabels } from './attributes.ts'
import { bindTogether } from './bind-together.ts'
import { type BridgedTelemetry, createBridge, type Unsubscribe } from './bridge.ts'

/** The options of {@link bridgeTracingChannel}. */
export interface TracingChannelOptions<Message extends object = Record<string, unknown>> {
  /** Name of the events: `<name>.start`, `.success` and `.error`. Default: the channel's name, with dots. */
  readonly name?: string
  /** Default `internal`; `client` for queries and calls of other services. */
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  /**
   * Attributes of the span, read when the operation starts. They do not become labels, so they may be query texts and
   * ids.
   */
  readonly attributes?: (message: Message) => object
  /** Attributes that are labels too, read when the operation has ended: use few different values. */
  readonly labels?: (message: Message) => object
  /** Returns true for operations that are not recorded. */
  readonly ignore?: (message: Message) => boolean
}

/** What `TracingChannel` adds to the message of an operation. */
interface Traced {
  readonly error?: unknown
}

/**
 * A span for each operation that a library publishes on a `TracingChannel` of `node:diagnostics_channel`, `mysql2:query`
 * for example. It is a child of the span around the operation, and the parent of what runs inside it. It ends when the
 * function returns, when its promise settles or when its callback is called; as an error with what was thrown.
 * Returns an unsubscribe function: the spans of running operations still end. Never disturbs the publisher.
 * @throws TelemetryError `TELEMETRY_INVALID`; `BRIDGE_EXISTS` if `telemetry` has a bridge of this channel already.
 */
export function bridgeTracingChannel<Message extends object = Record<string, unknown>>(
  telemetry: BridgedTelemetry,
  channelName: string,
  options: TracingChannelOptions<Message> = {},
): Unsubscribe {
  const { kind = 'internal', name = channelName.replaceAll(':', '.') } = options
  const bridge = createBridge(telemetry, `tracing:${channelName}`)
  const channelOf = (part: string): string => `tracing:${channelName}:${part}`
  const startChannel = channelOf('start')
  /** By message, which is the publisher's: nothing is added to it. */
  const open = new WeakMap<Message, BridgedSpan | 'ignored'>()

  const begin = (message: Message): Scope | undefined => {
    if (!bridge.isActive()) return undefined
    const known = open.get(message)
    if (known !== undefined) return known === 'ignored' ? undefined : known.scope
    open.set(message, 'ignored')
    if (options.ignore && bridge.ask(startChannel, options.ignore, message) === true) return undefined
    const attributes = options.attributes && bridge.ask(startChannel, options.attributes, message)
    const span = bridge.spans.open(name, { ...attributes, span_kind: kind }, false)
    if (span === undefined) return undefined
    open.set(message, span)
    bridge.hold()
    return span.scope
  }

  const finish = (message: Message): void => {
    const span = open.get(message)
    if (span === undefined || span === 'ignored') return
    open.set(message, 'ignored')
    try {
      const labels = options.labels && bridge.ask(startChannel, options.labels, message)
      span.end(withLabels({}, labels), 'error' in message ? { error: (message as Traced).error } : undefined)
    } finally {
      bridge.release()
    }
  }

  // Runs before the subscribers, and makes the span that of what runs inside.
  const openOf = (message: object): Scope | undefined => bridge.ask(startChannel, begin, message as Message)
  bridge.atEnd(bindTogether(startChannel, bridge.spans.bind, openOf))
  // For publishers that enter no store.
  bridge.on<Message>(startChannel, (message) => void begin(message))
  bridge.on<Message>(
    channelOf('end'),
    (message) => {
      // A promise or a callback is still to come, unless the function has returned something or has thrown.
      if ('result' in message || 'error' in message) finish(message)
    },
    true,
  )
  bridge.on<Message>(channelOf('asyncStart'), finish, true)
  bridge.on<Message>(channelOf('asyncEnd'), finish, true)
  return bridge.end
}
