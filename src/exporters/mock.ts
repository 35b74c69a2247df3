import { isDeepStrictEqual } from 'node:util'
import type { TelemetryEvent } from '../bus/event.ts'
import { glob } from '../bus/glob.ts'
import { packEvents, unpackEvents } from './event-packing.ts'
import {
  type Config,
  type ConfigOf,
  defineExporter,
  type ExportContext,
  type ExporterDefinition,
  type ExporterSchema,
  type OpenContext,
} from './exporter.ts'
import type { Outcome } from './outcome.ts'

/** Options of a mock exporter. `Schema`: its own keys; `Type`: its name. */
export interface MockOptions<
  Schema extends ExporterSchema = Record<never, never>,
  Type extends string = string,
> {
  /** The type's name in a configuration. Default: `mock`. */
  readonly type?: Type
  /** Events kept; older ones are discarded and counted. Default: 100,000. */
  readonly limit?: number
  /** Configuration keys beside `endpoint`, `api_key` and the common ones. */
  readonly schema?: Schema
  /**
   * Called when a client opens. If it throws or rejects, the opening fails; while its promise is pending, the opening
   * hangs.
   */
  readonly open?: (
    config: MockConfig<Schema>,
    context: OpenContext<MockState, MockConfig<Schema>>,
  ) => void | Promise<void>
  /**
   * The answer to one attempt. `attempt` is 1 when the batch's first event is offered for the first time. What it
   * delivers is recorded, less the last `rejected` events. Default: `{ type: 'delivered' }`.
   */
  readonly export?: (
    batch: readonly TelemetryEvent[],
    attempt: number,
    context: ExportContext<MockState, MockConfig<Schema>>,
  ) => Outcome | Promise<Outcome>
  /** Called when a client is closed. `deadline`: the `clock.now()` by which it should have ended. */
  readonly close?: (context: { readonly deadline: number }) => void | Promise<void>
}

/** The keys of a mock exporter: `endpoint`, `api_key` and those of its own. */
export type MockSchema<Schema extends ExporterSchema = Record<never, never>> = typeof mockSchema & Schema

/** The configuration of a mock exporter with keys of its own. */
export type MockConfig<Schema extends ExporterSchema> = ConfigOf<MockSchema<Schema>>

/** A key of an exporter's configuration that has changed. */
export interface MockConfigChange {
  /** The exporter's id, such as `mock` or `mock_eu`. */
  readonly id: string
  /** The key with its full path, such as `telemetry.mock.batch_size`. */
  readonly path: string
  readonly old: unknown
  readonly new: unknown
  /** When the change came into force, in epoch milliseconds of the telemetry system's clock. */
  readonly time: number
}

/** A client of a mock exporter. */
export interface MockClient {
  /** The configuration that the client was opened with. */
  readonly config: Config
}

/** The memory of a mock exporter for one exporter of its type. */
export interface MockState {
  readonly id: string
}

/** An exporter that records its events, for the tests of an instrumented application. */
export interface MockExporter<Schema extends ExporterSchema = ExporterSchema, Type extends string = string>
  extends ExporterDefinition<MockClient, MockState, TelemetryEvent, MockSchema<Schema>, Type> {
  /** Delivered events, oldest first, of every exporter of this type. */
  readonly events: readonly TelemetryEvent[]
  /**
   * One entry for each key that changed, of every exporter of this type, oldest first, from the moment the change is in
   * force. The configuration at the start is not a change. Secrets are not redacted.
   */
  readonly configChanges: readonly MockConfigChange[]
  /** Delivered events no longer kept, see {@link MockOptions.limit}. */
  readonly discarded: number
  /** Clients open now: one per enabled exporter, one more while a change opens or retires one. */
  readonly openClients: number
  /** The delivered events whose name matches any of the globs. */
  eventsMatching(patterns: string | readonly string[]): readonly TelemetryEvent[]
  /** Forgets `events`, `configChanges` and `discarded`. */
  clear(): void
}

const mockSchema = {
  endpoint: {
    format: 'string',
    default: 'mock://memory',
    change: 'rebuild',
    doc: 'Where the events would go. Never contacted; a change of it opens a new client.',
  },
  api_key: {
    format: 'string',
    default: null,
    change: 'rebuild',
    doc: 'A credential that nothing checks.',
    sensitive: true,
    nullable: true,
  },
} as const satisfies ExporterSchema

/**
 * Makes an exporter type that records the events delivered to it, and answers as you choose. Make one per
 * telemetry system: exporters that share it share its record.
 */
export function mock<
  const Schema extends ExporterSchema = Record<never, never>,
  const Type extends string = 'mock',
>(options: MockOptions<Schema, Type> = {}): MockExporter<Schema, Type> {
  const limit = options.limit ?? 100_000
  const events: TelemetryEvent[] = []
  const configChanges: MockConfigChange[] = []
  const attempts = new WeakMap<TelemetryEvent, number>()
  const open = new Set<MockClient>()
  let discarded = 0

  const record = (batch: readonly TelemetryEvent[], rejected: number): void => {
    const count = Math.max(batch.length - rejected, 0)
    for (let i = 0; i < count; i++) events.push(batch[i]!)
    const excess = events.length - limit
    if (excess > 0) {
      events.splice(0, excess)
      discarded += excess
    }
  }

  const definition = defineExporter<MockClient, MockState, TelemetryEvent, MockSchema<Schema>, Type>({
    type: options.type ?? ('mock' as Type),
    schema: { ...mockSchema, ...options.schema } as MockSchema<Schema>,
    // Prompt, because a test waits for it.
    defaults: { flush_interval: 0.01 },
    state: ({ id }) => ({ id }),
    configure(config, before, { id, clock }) {
      const time = clock.now()
      for (const key of new Set([...Object.keys(before), ...Object.keys(config)]))
        if (!isDeepStrictEqual(before[key], config[key]))
          configChanges.push({ id, path: `telemetry.${id}.${key}`, old: before[key], new: config[key], time })
    },
    async open(config, context) {
      await options.open?.(config, context)
      const client = { config }
      open.add(client)
      return client
    },
    pack: packEvents,
    unpack: unpackEvents,
    async export(_client, batch, context) {
      const [first] = batch
      const attempt = (first && attempts.get(first)) ?? 0
      if (first) attempts.set(first, attempt + 1)
      const outcome = options.export
        ? await options.export(batch, attempt + 1, context)
        : ({ type: 'delivered' } as const)
      // A script may answer nonsense on purpose: it is for the telemetry system to judge.
      if (outcome?.type === 'delivered') record(batch, outcome.rejected ?? 0)
      return outcome
    },
    async close(client, context) {
      open.delete(client)
      await options.close?.(context)
    },
  })

  return Object.defineProperties(
    { ...definition },
    {
      events: { get: () => events, enumerable: true },
      configChanges: { get: () => configChanges, enumerable: true },
      discarded: { get: () => discarded, enumerable: true },
      openClients: { get: () => open.size, enumerable: true },
      eventsMatching: {
        value: (patterns: string | readonly string[]) => {
          const matchers = (typeof patterns === 'string' ? [patterns] : patterns).map(glob)
          return events.filter((event) => matchers.some((matches) => matches(event.name)))
        },
      },
      clear: {
        value: () => {
          events.length = 0
          configChanges.length = 0
          discarded = 0
        },
      },
    },
  ) as MockExporter<Schema, Type>
}
