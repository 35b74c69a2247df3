import {
  type ConfigOf,
  defineExporter,
  type ExportContext,
  type ExporterDefinition,
  type ExporterSchema,
} from '../../exporters/exporter.ts'
import { pushKeys } from '../../exporters/keys.ts'
import { certificateProblems, connectionKeys } from '../../exporters/otel/connection-keys.ts'
import type { Encoder } from '../../exporters/otel/encode/encode.ts'
import type { NativeClient } from '../../exporters/otel/native-client.ts'
import { logs, metrics, type Signal, traces } from '../../exporters/otel/signal.ts'
import type { Outcome } from '../../exporters/outcome.ts'
import { type GatewayMessage, MessageEvent } from './message.ts'
import type { SignalName } from './stream.ts'

/** The keys of an exporter of a gateway, beside those that every exporter has: those of its connection. */
const forwarderSchema = (signal: Signal) =>
  ({
    queue_size: { ...pushKeys.queue_size, default: 1000, unit: 'messages', doc: 'Messages that may wait.' },
    batch_size: {
      ...pushKeys.batch_size,
      default: 16,
      unit: 'messages',
      doc: 'Largest number of messages in one request. A message is a batch of a node.',
    },
    flush_interval: { ...pushKeys.flush_interval, default: 0.05 },
    ...connectionKeys(signal, 'OTEL_BSP_EXPORT_TIMEOUT'),
  }) as const satisfies ExporterSchema

/** The configuration keys of the exporters of a gateway. */
export type ForwarderSchema = ReturnType<typeof forwarderSchema>

type ForwarderConfig = ConfigOf<ForwarderSchema>

/** The messages that a gateway's exporter holds, and when it last told the stream that it is working on them. */
interface State {
  readonly outstanding: Map<GatewayMessage, number>
}

/** How often the stream is told that a message is still being worked on: well below the time it waits. */
const workingEveryMs = 10_000

/** Requests of one kind in a row are one request: its fields repeat. */
const join: Encoder['encode'] = (messages) =>
  Buffer.concat((messages as unknown as GatewayMessage[]).map(({ data }) => data))

const joined: Encoder = { encode: join, pack: join, overheadBytes: 0 }

function finish(
  { outstanding }: State,
  batch: readonly GatewayMessage[],
  tell: (message: GatewayMessage) => void,
): void {
  for (const message of batch) if (outstanding.delete(message)) tell(message)
}

/** Acknowledges, refuses or returns each message of a batch after an attempt. */
function settle(
  outcome: Outcome,
  batch: readonly GatewayMessage[],
  { state, signal, clock, deadline }: ExportContext<State, ForwarderConfig>,
): Outcome {
  const giveBack = (afterSeconds?: number): void =>
    finish(state, batch, (message) =>
      message.returned(afterSeconds === undefined ? undefined : afterSeconds * 1000),
    )
  switch (outcome.type) {
    case 'delivered': {
      finish(state, batch, (message) => message.delivered())
      // The backend says how many spans it rejected, not of which message: the status shows what it said.
      const { cause } = outcome
      const redelivered = batch.filter((message) => message.redelivered)
      return {
        type: 'delivered',
        ...(cause !== undefined && { cause }),
        ...(redelivered.length > 0 && {
          ambiguous: redelivered.reduce((sum, { weight }) => sum + weight, 0),
        }),
      }
    }
    case 'retry':
      // It goes once more, by a fresh connection.
      if (outcome.stale) return outcome
      // Its client was replaced: the batch goes to the next one.
      if (signal.aborted && clock.now() < deadline) return outcome
      giveBack(outcome.afterSeconds)
      return {
        ...{ type: 'refused', unhealthy: true, returned: true, cause: outcome.cause },
        ...(outcome.ambiguous && { ambiguous: true }),
      }
    case 'misdirected':
      giveBack()
      return { ...outcome, returned: true }
    case 'refused':
      finish(state, batch, (message) => message.refused())
      return outcome
    case 'too_large':
      if (batch.length === 1) finish(state, batch, (message) => message.refused())
      return outcome
  }
}

/**
 * An exporter type of a gateway: sends the requests that nodes have published, as they are. A message is acknowledged
 * when the backend has it, returned to the stream when it may be tried again, and ended when the backend refuses it.
 */
function forwarder<const Type extends string>(
  type: Type,
  signal: Signal,
): ExporterDefinition<unknown, unknown, unknown, ForwarderSchema, Type> {
  return defineExporter<NativeClient, State, GatewayMessage, ForwarderSchema, Type>({
    type,
    schema: forwarderSchema(signal),
    validate: (config) => {
      const problems: (readonly [string, string])[] = [...certificateProblems(config)]
      if (config.max_age !== null)
        problems.push(['max_age', 'must be unset: in a gateway, the stream keeps messages'])
      if (config.overflow !== 'drop_newest')
        problems.push(['overflow', 'must be drop_newest: in a gateway, what has no room stays in the stream'])
      return problems
    },
    state: () => ({ outstanding: new Map() }),
    accepts: () => false,
    ignoresScope: true,
    open: async (config, context) => {
      const { openNativeClient } = await import('../../exporters/otel/native-client.ts')
      const connection = { ...config, service_name: null, resource_attributes: {} }
      return openNativeClient(connection, context, signal, undefined, () => joined)
    },
    weighs: (event) => MessageEvent.carriedBy(event)?.weight ?? 1,
    ingest: (event, sink) => {
      const message = MessageEvent.carriedBy(event)
      if (message === undefined) return
      sink.state.outstanding.set(message, sink.monotonic)
      if (!sink.item(message, message.weight)) finish(sink.state, [message], (one) => one.returned())
    },
    tick: ({ state, monotonic }) => {
      for (const [message, since] of state.outstanding) {
        if (monotonic - since < workingEveryMs) continue
        state.outstanding.set(message, monotonic)
        message.working()
      }
    },
    forget: ({ outstanding }) => {
      for (const message of outstanding.keys()) message.returned(0)
      outstanding.clear()
    },
    export: async (client, batch, context) =>
      settle(await client.export(batch as never, context), batch, context),
    close: (client) => client.close(),
    probe: (client, context) => client.export([], context),
    describe: (client, { outstanding }) => ({
      outstanding: outstanding.size,
      ...(client?.proxy && { proxy: client.proxy }),
    }),
  })
}

/** The exporter types of a gateway, by the signal that they send. They are called as those of a node are. */
export const forwarders = {
  spans: forwarder('otel', traces),
  metrics: forwarder('otel_metrics', metrics),
  logs: forwarder('otel_logs', logs),
} as const satisfies Readonly<Record<SignalName, unknown>>
