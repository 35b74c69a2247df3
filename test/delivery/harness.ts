import assert from 'node:assert/strict'
import type { systemMachine } from '../../machines/index.ts'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import type { Telemetry } from '../../src/contract.ts'
import type { InspectObserver } from '../../src/control/control.ts'
import { wireSystem } from '../../src/control/effects.ts'
import type { LedgerStatus } from '../../src/delivery/ledger.ts'
import type { Outcome } from '../../src/delivery/outcome.ts'
import type {
  AnyExporterDefinition,
  Config,
  ExportContext,
  OpenContext,
} from '../../src/exporters/exporter.ts'
import type { Logger } from '../../src/logger.ts'
import { assembleTelemetry } from '../../src/telemetry.ts'
import { createSimulatedClock, type SimulatedClock } from '../../src/testing/simulated.ts'
import type { ConfigInit } from '../../src/typed-init.ts'

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

const silent = (): void => {}
export const quietLogger: Logger = { debug: silent, info: silent, warn: silent, error: silent }

export interface Rig {
  readonly telemetry: Telemetry
  readonly clock: SimulatedClock
  /** Advances the simulated time. */
  pass(seconds: number): Promise<void>
  /** Turns the event loop without moving the time. */
  settle(): Promise<void>
  emit(count: number, name?: string): void
  ledger(id?: string): LedgerStatus
  state(id?: string): string | undefined
  breaker(id?: string): string | undefined
  /** Stops it, in as much simulated time as it takes. */
  end(timeoutMs?: number): ReturnType<Telemetry['stop']>
}

const rigs: Rig[] = []

/** Ends what the tests of a file started: call it in `afterEach`. */
export async function endRigs(): Promise<void> {
  for (const rig of rigs.splice(0)) await rig.end()
}

/** A started telemetry system on simulated time, with `init` as its configuration. */
export async function startRig(
  types: readonly AnyExporterDefinition[],
  init: ConfigInit<readonly AnyExporterDefinition[]>,
  machine: typeof systemMachine = wireSystem(),
  inspect?: InspectObserver,
): Promise<Rig> {
  const clock = createSimulatedClock()
  const telemetry = assembleTelemetry(
    { types, config: { init, env: {} }, clock, logger: quietLogger, drainOnExit: false, inspect },
    machine,
  )
  const rig: Rig = {
    telemetry,
    clock,
    pass: (seconds) => clock.advance(seconds * 1000),
    settle: () => clock.settle(),
    emit: (count, name = 'app.work') => {
      for (let i = 0; i < count; i += 1) telemetry.emit(`${name}.${i}`)
    },
    ledger: (id = 'test') => telemetry.status().exporters[id]!.ledger,
    state: (id = 'test') => telemetry.status().exporters[id]?.state,
    breaker: (id = 'test') => telemetry.status().exporters[id]?.breaker,
    async end(timeoutMs = 5000) {
      let over = false
      const stopping = telemetry.stop({ timeoutMs }).finally(() => {
        over = true
      })
      await clock.until(() => over, { stepMs: 100 })
      return stopping
    },
  }
  rigs.push(rig)
  await telemetry.start()
  await clock.settle()
  return rig
}

const sum = (counts: Readonly<Record<string, number | undefined>>): number =>
  Object.values(counts).reduce<number>((total, count) => total + (count ?? 0), 0)

/** The identity of semantics, section 9, with no part negative. */
export function assertExact(ledger: LedgerStatus, message = ''): void {
  const { accepted, delivered, dropped, pending, ambiguous } = ledger
  const parts = { accepted, delivered, ambiguous, ...dropped, ...pending }
  for (const [name, count] of Object.entries(parts))
    assert.ok(Number.isSafeInteger(count) && count >= 0, `${message} ${name} is ${count}`)
  assert.equal(delivered + sum(dropped) + sum(pending), accepted, `${message} ${JSON.stringify(ledger)}`)
}

export const totalPending = ({ pending }: LedgerStatus): number => sum(pending)
