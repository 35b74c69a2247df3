import type { systemMachine } from '../../machines/index.ts'
import type { Telemetry } from '../../src/contract.ts'
import { wireSystem } from '../../src/control/effects.ts'
import type { InspectObserver } from '../../src/control/observe.ts'
import type { LedgerStatus } from '../../src/delivery/ledger.ts'
import type { Disk } from '../../src/delivery/spool/disk.ts'
import type { AnyExporterDefinition } from '../../src/exporters/exporter.ts'
import type { Logger } from '../../src/logger.ts'
import { assembleTelemetry } from '../../src/telemetry.ts'
import { createSimulatedClock, type SimulatedClock } from '../../src/testing/simulated.ts'
import type { ConfigInit } from '../../src/typed-init.ts'
import { quietLogger } from './quiet-logger.ts'

export interface Warning {
  /** What the log says: its text, and the message of an error. */
  readonly text: string
  /** The ledgers at this moment, by exporter. */
  readonly ledgers: Readonly<Record<string, LedgerStatus>>
}

/** A telemetry system on simulated time. */
export interface SimulatedTelemetry {
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
  /** Warnings in the log so far. */
  readonly warnings: readonly Warning[]
  /** Stops, in as much simulated time as it takes. */
  end(timeoutMs?: number): ReturnType<Telemetry['stop']>
}

const started: SimulatedTelemetry[] = []

/** Stops every simulated telemetry that has been started. Call it in `afterEach`. */
export async function endSimulated(): Promise<void> {
  for (const one of started.splice(0)) await one.end()
}

/** Starts a telemetry system on simulated time, with `init` as its configuration. */
export async function startSimulated(
  types: readonly AnyExporterDefinition[],
  init: ConfigInit<readonly AnyExporterDefinition[]>,
  machine: typeof systemMachine = wireSystem(),
  inspect?: InspectObserver,
  disk?: Disk,
): Promise<SimulatedTelemetry> {
  const clock = createSimulatedClock()
  const warnings: Warning[] = []
  const logger: Logger = {
    ...quietLogger,
    warn(facts, text) {
      const exporters = Object.entries(telemetry.status().exporters)
      const ledgers = Object.fromEntries(exporters.map(([id, { ledger }]) => [id, ledger]))
      warnings.push({ text: `${text} ${Object(facts).message ?? ''}`, ledgers })
    },
  }
  const telemetry: Telemetry = assembleTelemetry(
    { types, config: { init, env: {} }, clock, logger, drainOnExit: false, inspect },
    machine,
    disk,
  )
  const simulated: SimulatedTelemetry = {
    telemetry,
    warnings,
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
  started.push(simulated)
  await telemetry.start()
  await clock.settle()
  return simulated
}
