import type { TelemetryEvent } from '../../src/bus/event.ts'
import type {
  AnyExporterDefinition,
  Config,
  ExportContext,
  OpenContext,
} from '../../src/exporters/exporter.ts'
import type { Outcome } from '../../src/exporters/outcome.ts'

/** One attempt, as the driver sees it. */
export interface Call {
  readonly items: readonly TelemetryEvent[]
  /** Names of its events. */
  readonly names: readonly string[]
  readonly endpoint: unknown
  readonly at: number
  readonly signal: AbortSignal
  readonly deadline: number
  answer(outcome: Outcome): void
  fail(error: unknown): void
}

export interface OpenedClient {
  readonly endpoint: unknown
  readonly config: Config
  closed: boolean
}

export interface Driver {
  readonly definition: AnyExporterDefinition
  readonly calls: Call[]
  readonly clients: OpenedClient[]
  /** Clients opened and not closed. */
  readonly open: readonly OpenedClient[]
  /** Answers each attempt; undefined leaves it to the test. Default: delivered. */
  reply: (call: Call) => Outcome | undefined
  /** Runs when a client is opened: throw, or hang. */
  opening: (config: Config, context: OpenContext<unknown>) => void | Promise<void>
  closing: (client: OpenedClient) => void | Promise<void>
  /** Names delivered, in order. */
  readonly delivered: readonly string[]
}

export const delivered: Outcome = { type: 'delivered' }
export const down: Outcome = { type: 'retry', cause: new Error('down') }
export const hang = (): undefined => undefined

/** An exporter type that the test answers for, attempt by attempt. */
export function createDriver(
  type = 'test',
  overrides: Partial<AnyExporterDefinition> & { sizeOf?: (item: TelemetryEvent) => number } = {},
): Driver {
  const calls: Call[] = []
  const clients: OpenedClient[] = []
  const arrived: string[] = []
  const driver: Driver = {
    calls,
    clients,
    get open() {
      return clients.filter(({ closed }) => !closed)
    },
    reply: () => delivered,
    opening: () => {},
    closing: () => {},
    delivered: arrived,
    definition: {
      type,
      schema: {
        endpoint: { format: 'string', default: 'one', change: 'rebuild', doc: 'Where to.' },
        address: { format: 'string', default: 'here', change: 'replace', doc: 'What is bound.' },
      },
      defaults: { flush_interval: 1 },
      async open(config: Config, context: OpenContext<unknown>) {
        await driver.opening(config, context)
        const client: OpenedClient = { endpoint: config.endpoint, config, closed: false }
        clients.push(client)
        return client
      },
      export: (client: OpenedClient, items: readonly TelemetryEvent[], context: ExportContext<unknown>) =>
        new Promise<Outcome>((resolve, reject) => {
          const names = items.map(({ name }) => name)
          const call: Call = {
            items,
            names,
            endpoint: client.endpoint,
            at: context.clock.now(),
            signal: context.signal,
            deadline: context.deadline,
            answer: (outcome) => {
              if (outcome.type === 'delivered')
                arrived.push(...names.slice(0, names.length - (outcome.rejected ?? 0)))
              resolve(outcome)
            },
            fail: reject,
          }
          calls.push(call)
          const outcome = driver.reply(call)
          if (outcome) call.answer(outcome)
        }),
      async close(client: OpenedClient) {
        await driver.closing(client)
        client.closed = true
      },
      ...overrides,
    },
  }
  return driver
}
