import { createBridgedSpans } from './bus/bridged-span.ts'
import { type Bus, createBus } from './bus/bus.ts'
import { createSpans } from './bus/span.ts'
import type { AnyEvents, EventMap, TypedEmit } from './bus/typed.ts'
import { createSystemClock } from './clock.ts'
import type { ExporterConfig } from './config/changes/plan.ts'
import type { ConfigStore } from './config/contract.ts'
import { createConfigStore } from './config/store.ts'
import type { StopReport, Telemetry, TelemetryOptions } from './contract.ts'
import { createAnnouncements } from './control/announcements.ts'
import { createBridgeFailures } from './control/bridge-failures.ts'
import { breakerCommands, checkedEndpoint, checkedExporter, checkedTimeout } from './control/calls.ts'
import { createChanges, setupOf } from './control/changes.ts'
import { type Control, startControl } from './control/control.ts'
import { wireSystem } from './control/effects.ts'
import { flushExporters } from './control/flush.ts'
import { createObservation } from './control/observe.ts'
import { drainAtExit } from './control/process-exit.ts'
import { createRecorder } from './control/recorder.ts'
import { highestSamplingRate } from './control/sampling-rate.ts'
import { shutDown } from './control/shutdown.ts'
import { withSpools } from './control/spools.ts'
import { createTimerScope } from './control/timers.ts'
import type { LedgerStatus } from './delivery/ledger.ts'
import { settingsOf } from './delivery/settings.ts'
import { type Disk, systemDisk } from './delivery/spool/disk.ts'
import { createUnit, type Unit } from './delivery/unit.ts'
import { TelemetryError } from './errors.ts'
import { typesWith } from './exporters/built-in.ts'
import type { AnyExporterDefinition } from './exporters/exporter.ts'
import { createHints } from './hints.ts'
import { openIngress } from './ingress.ts'
import { guardedLogger, redactedLogger, stderrLogger } from './logger.ts'
import { openTelemetryScopes } from './opentelemetry/active-span.ts'
import { buildStatus, type SystemState, type TelemetryStatus } from './status.ts'
import { atMostInTurns, whileHeld } from './waiting.ts'
import { createWrap } from './wrap.ts'

/** How long `start` and `restart` wait for clients to open; slower ones open in the background. */
const openPatienceMs = 1_000
const defaultStopMs = 5_000
const defaultFlushMs = 10_000
/** Exporters that begin in one turn of the event loop. */
const startedPerTurn = 16

/**
 * Makes a telemetry system whose exporter types the compiler does not know, because `Events` alone was given: it checks
 * the tables of `config.init` that are named like a built-in type. `createTelemetry<Events, [typeof loki]>` checks all.
 */
export function createTelemetry<Events extends EventMap<Events> = never>(
  options: [Events] extends [never] ? never : TelemetryOptions,
): Telemetry<Events>
/**
 * Makes a telemetry system. `Events` are the types of its events (default: any event). The compiler checks
 * `config.init` by the built-in exporter types and by those in `types`.
 */
export function createTelemetry<
  Events extends EventMap<Events> = AnyEvents,
  const Types extends readonly AnyExporterDefinition[] = readonly [],
>(options?: TelemetryOptions<Types>): Telemetry<Events>
// Wires the two planes: the bus and the units to the statecharts.
export function createTelemetry<Events extends EventMap<Events>>(
  options: TelemetryOptions = {},
): Telemetry<Events> {
  return assembleTelemetry<Events>(options, wireSystem())
}

/** {@link createTelemetry} with charts and a disk of one's own, for tests. */
export function assembleTelemetry<Events extends EventMap<Events> = AnyEvents>(
  options: TelemetryOptions,
  machine: ReturnType<typeof wireSystem>,
  disk: Disk = systemDisk,
): Telemetry<Events> {
  const hostClock = options.clock ?? createSystemClock()
  const timers = createTimerScope(hostClock)
  const { clock } = timers
  const logger = guardedLogger(options.logger ?? stderrLogger)
  const observation = createObservation(options.inspect)
  const units = new Map<string, Unit>()
  let control: Control | undefined
  let state: SystemState = 'idle'
  let launching: Promise<Control> | undefined
  /** Some exporters of the start have yet to begin: a change waits for them. */
  let spawning = false
  let stopping: Promise<StopReport> | undefined

  const store: ConfigStore = createConfigStore({
    ...options.config,
    types: typesWith(options.types),
    clock,
    logger,
    status: () => status(),
    apply: async (plan) => {
      if (spawning) await launching
      if (control) await changes.apply(plan, control)
    },
  })
  const scopes = openTelemetryScopes()
  const bus: Bus = createBus({
    clock,
    logger,
    scopes,
    maxValueLength: () => store.system().max_value_length,
    bufferSize: options.bufferSize,
    onBuffered: () => hints.emittedBeforeStart(),
  })
  const spanOptions = { bus, clock, scopes, samplingRate: () => highestSamplingRate(units.values()) }
  const { span, startSpan } = createSpans(spanOptions)
  const recorder = createRecorder({ clock })

  const status = ({ history = false } = {}): TelemetryStatus => {
    // Events emitted before the call are handed over first.
    bus.flush()
    return {
      ...buildStatus({ state, units, control, bus, store }),
      ...(history && { history: recorder.history() }),
    }
  }

  const redact = (text: string): string => store.redactor.text(text)
  const exporterLogger = redactedLogger(logger, redact)

  const addUnit = (id: string, exporter: ExporterConfig): Unit => {
    const unit = createUnit({
      id,
      definition: exporter.definition,
      setup: setupOf(exporter),
      clock,
      logger: exporterLogger,
      random: Math.random,
      redact,
      inbox: (deliver) => bus.inbox(id, deliver),
      announce: (name, measurements, metadata) =>
        bus.emitSelf(name, measurements, { exporter: id, ...metadata }, { exporter: id }),
      status,
      disk,
      inspect: observation.inspect,
      onSpoolState: (from, to) => announcements.stateChanged({ id, what: 'spool', from, to }),
    })
    units.set(id, unit)
    return unit
  }

  const changes = createChanges(units, addUnit)

  const removeUnit = (id: string): void => {
    units.get(id)?.dispose()
    units.delete(id)
    changes.departed(id)
  }

  const announcements = createAnnouncements({ bus, recorder, logger: exporterLogger, units })
  store.onSettled(announcements.changeSettled)
  const hints = createHints({ clock, logger, options })

  const system = { bus, hints, logger, isRunning: () => state === 'running' }
  const flushAll = () => telemetry.flush({ timeoutMs: defaultStopMs })
  const releaseExit = options.drainOnExit === false ? () => {} : drainAtExit(system, flushAll)

  const held = <Result>(work: () => Promise<Result>): Promise<Result> => whileHeld(hostClock, work)

  let endStart = (): void => {}
  const ended = new Promise<never>((_, reject) => {
    endStart = () => reject(new TelemetryError('STOPPED', 'telemetry was stopped while it started'))
  })
  ended.catch(() => {})

  const launch = async (): Promise<Control> => {
    const exporters = [...(await store.start())]
    /** The next few that are to begin. */
    const next = () =>
      exporters.splice(0, startedPerTurn).map(([id, exporter]) => {
        const unit = addUnit(id, exporter)
        return { unit, settings: settingsOf(unit.definition, unit.config()) }
      })
    const goOn = (): void => {
      if (stopping) throw new TelemetryError('STOPPED', 'telemetry was stopped while it started')
    }
    goOn()
    control = startControl({
      machine,
      exporters: next(),
      clock,
      logger,
      observation,
      onStateChange: (change) => {
        announcements.stateChanged(change)
        store.stateChanged()
      },
      onRemoved: removeUnit,
    })
    spawning = exporters.length > 0
    while (exporters.length > 0) {
      await new Promise((resolve) => setImmediate(resolve))
      goOn()
      control.add(next())
    }
    spawning = false
    state = 'running'
    bus.open()
    hints.started(units.size, store.status().warnings.length > 0)
    return control
  }

  const opened = (running: Control): Promise<void> => atMostInTurns(openPatienceMs, running.settled())

  const ledgers = (): Record<string, LedgerStatus> =>
    Object.fromEntries([...units].map(([id, unit]) => [id, unit.ledger()]))

  const parts = { bus, units, clock, control: () => control }

  const end = async (timeoutMs: number): Promise<StopReport> => {
    let lost = 0
    try {
      state = 'stopping'
      hints.end()
      lost = await shutDown({ ...parts, store, changes, launching }, timeoutMs)
    } finally {
      state = 'stopped'
      timers.end()
      releaseExit()
      endStart()
    }
    const exporters = ledgers()
    const complete = lost === 0 && Object.values(exporters).every(({ dropped }) => !dropped.shutdown)
    return { complete, exporters, bus: bus.status() }
  }

  const telemetry: Telemetry<Events> = {
    start() {
      if (stopping) return Promise.reject(new TelemetryError('STOPPED', 'telemetry is stopped'))
      launching ??= launch().catch((error) => {
        launching = undefined
        throw error
      })
      // A remote source that hangs keeps a stopped start no longer.
      const started = Promise.race([launching, ended])
      return held(() => started.then(opened))
    },
    emit: bus.emit as TypedEmit<Events>,
    span,
    startSpan,
    attach: bus.attach,
    detach: bus.detach,
    handlers: bus.handlers,
    config: {
      put: (change: string | Record<string, unknown>, value?: unknown) =>
        held(() => store.put(change as string, value)),
      putFrom: (source, changed) => held(() => store.putFrom(source, changed)),
      get: store.get,
      unset: (path) => held(() => store.unset(path)),
      unsetFrom: (source, path) => held(() => store.unsetFrom(source, path)),
      explain: store.explain,
      subscribe: store.subscribe,
    },
    status,
    async flush(options = {}) {
      const timeoutMs = checkedTimeout('flush', options.timeoutMs, defaultFlushMs)
      const exporters = options.exporters ?? [...units.keys()]
      for (const id of exporters) checkedExporter(units.keys(), id)
      return held(async () => {
        const complete = await flushExporters(parts, exporters, timeoutMs)
        return { complete, exporters: ledgers() }
      })
    },
    wrap: createWrap({ system: () => telemetry, state: () => state, logger }),
    async restart(id) {
      checkedExporter(units.keys(), id)
      const running = control
      if (!running) return
      running.restart(id)
      await held(() => opened(running))
    },
    breaker(id, { endpoint } = {}) {
      checkedExporter(units.keys(), id)
      const unit = units.get(id)!
      checkedEndpoint(id, unit.endpoints().length || 1, endpoint)
      return breakerCommands(unit, id, (command) => control?.commandBreaker(id, command, endpoint))
    },
    async stop(options = {}) {
      const timeoutMs = checkedTimeout('stop', options.timeoutMs, defaultStopMs)
      stopping ??= held(() => end(timeoutMs))
      return stopping
    },
    snapshot: () => withSpools(control?.snapshot() ?? { system: state, exporters: {} }, units),
    observe: observation.observe,
  }
  openIngress(telemetry, {
    definitionOf: (id) => units.get(id)?.definition,
    clientOf: (id) => units.get(id)?.client(),
    offer: bus.offer,
    redact,
    spans: createBridgedSpans(spanOptions),
    bridgeFailed: createBridgeFailures(bus, logger),
  })
  return telemetry
}
