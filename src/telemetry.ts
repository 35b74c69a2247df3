import type { ChangeEffect, PlannedChange } from '../machines/index.ts'
import { type Bus, createBus } from './bus/bus.ts'
import { createSpans } from './bus/span.ts'
import type { AnyEvents, EventMap, TypedEmit } from './bus/typed.ts'
import { createSystemClock, holdProcess } from './clock.ts'
import { isForbiddenAddress } from './config/changes/destinations.ts'
import type { ConfigPlan, ExporterChange, ExporterConfig } from './config/changes/plan.ts'
import { type ConfigStore, createConfigStore } from './config/store.ts'
import type { StopReport, Telemetry, TelemetryOptions } from './contract.ts'
import { type Control, startControl } from './control/control.ts'
import { wireSystem } from './control/effects.ts'
import { createObservation } from './control/observe.ts'
import { drainOnProcessExit } from './control/process-exit.ts'
import { createRecorder } from './control/recorder.ts'
import { createTimerScope } from './control/timers.ts'
import type { Setup } from './delivery/clients.ts'
import type { LedgerStatus } from './delivery/ledger.ts'
import { createUnit, type Unit } from './delivery/unit.ts'
import { TelemetryConfigError, TelemetryError } from './errors.ts'
import { builtInTypes } from './exporters/built-in.ts'
import { openIngress } from './ingress.ts'
import { guardedLogger, redactedLogger, stderrLogger } from './logger.ts'
import { openTelemetryScopes } from './opentelemetry/active-span.ts'
import { buildStatus, type SystemState, type TelemetryStatus } from './status.ts'

/** How long `start` and `restart` wait for clients to open; slower ones open in the background. */
const openPatienceMs = 1_000
const defaultStopMs = 5_000
/** How long past its deadline a stop waits for clients to close. */
const closeGraceMs = 150
const defaultFlushMs = 10_000

/** What traces that begin here are announced by; without an exporter that samples, as sampled. */
function highestSamplingRate(units: Iterable<Unit>): number {
  let highest = -1
  for (const unit of units) {
    const { sampling_rate: rate } = unit.config()
    if (typeof rate === 'number' && unit.enabled() && rate > highest) highest = rate
  }
  return highest < 0 ? 1 : highest
}

const setupOf = ({ config, guarded }: ExporterConfig): Setup => ({
  config,
  forbidAddress: guarded ? isForbiddenAddress : undefined,
})

/** What a changed configuration asks of the exporter's chart. */
function effectOf({ action, change, before, after }: ExporterChange): ChangeEffect {
  const was = action !== 'add' && before?.config.enabled !== false
  const is = action !== 'remove' && after?.config.enabled !== false
  if (action === 'remove' || (!was && !is)) return 'none'
  if (!is) return 'disable'
  if (!was) return 'open'
  if (change === 'hot') return 'hot'
  return change === 'replace' ? 'replace' : 'open'
}

/** Makes a telemetry system. Wires the two planes: the bus and the units to the statecharts. */
export function createTelemetry<Events extends EventMap<Events> = AnyEvents>(
  options: TelemetryOptions = {},
): Telemetry<Events> {
  return assembleTelemetry<Events>(options, wireSystem())
}

/** {@link createTelemetry} with charts of one's own, for tests. */
export function assembleTelemetry<Events extends EventMap<Events> = AnyEvents>(
  options: TelemetryOptions,
  machine: ReturnType<typeof wireSystem>,
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
  let stopping: Promise<StopReport> | undefined

  const store: ConfigStore = createConfigStore({
    ...options.config,
    types: options.types ?? builtInTypes(),
    clock,
    logger,
    apply: (plan) => apply(plan),
  })
  const scopes = openTelemetryScopes()
  const bus: Bus = createBus({
    clock,
    logger,
    scopes,
    maxValueLength: () => store.system().max_value_length,
    bufferSize: options.bufferSize,
  })
  const samplingRate = () => highestSamplingRate(units.values())
  const { span, startSpan } = createSpans({ bus, clock, scopes, samplingRate })

  const recorder = createRecorder({ clock })

  const status = ({ history = false } = {}): TelemetryStatus => ({
    ...buildStatus({ state, units, control, bus, store }),
    ...(history && { history: recorder.history() }),
  })

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
      forward: (events) => control?.forward(id, events) ?? false,
      announce: (name, measurements, metadata) =>
        bus.emitSelf(name, measurements, { exporter: id, ...metadata }, { exporter: id }),
      status,
    })
    units.set(id, unit)
    return unit
  }

  /** Called when an exporter that was removed has drained and gone. */
  const departures = new Map<string, () => void>()

  const removeUnit = (id: string): void => {
    units.get(id)?.dispose()
    units.delete(id)
    departures.get(id)?.()
  }

  /** An exporter that is added again while it still drains waits for its predecessor; a stop ends the wait. */
  const departed = async (id: string): Promise<void> => {
    if (units.has(id) && !stopping) await new Promise<void>((resolve) => departures.set(id, resolve))
    departures.delete(id)
    if (stopping) throw new TelemetryError('STOPPED', 'telemetry has stopped')
  }

  /** Carries a validated plan through the charts: prepared everywhere, then in force everywhere or nowhere. */
  const apply = async (plan: ConfigPlan): Promise<void> => {
    if (!control) return
    for (const { id, action } of plan.exporters) if (action === 'add') await departed(id)
    const changes = plan.exporters.flatMap((change): PlannedChange[] => {
      const { id, action, after } = change
      const unit = action === 'add' && after ? addUnit(id, after) : units.get(id)
      if (!unit) return []
      if (action === 'update' && after) unit.stage(setupOf(after))
      return [{ unit, action, effect: effectOf(change) }]
    })
    if (changes.length === 0) return
    const refusals = await control.change(plan.version, changes)
    if (refusals.length === 0) return
    throw new TelemetryConfigError(
      refusals.map(({ id, reason }) => ({
        code: 'EXPORTER_REFUSED',
        path: id ? `telemetry.${id}` : 'telemetry',
        message: id ? `telemetry.${id} cannot be changed: ${reason}` : reason,
      })),
    )
  }

  store.onSettled(({ type, source, version, changes, problems }) => {
    recorder.record({
      kind: 'config',
      to: String(version),
      message: problems
        ? `refused (${source}): ${problems.map(({ message }) => message).join('; ')}`
        : `applied (${source}): ${(changes ?? []).map(({ path }) => path).join(', ')}`,
    })
    bus.emitSelf(
      `telemetry.config.${type}`,
      { count: 1 },
      {
        source,
        version,
        ...(changes && { keys: changes.map(({ path }) => path) }),
        ...(problems && { problems: problems.map(({ message }) => message) }),
      },
    )
  })

  const releaseExit =
    options.drainOnExit === false ? () => {} : drainOnProcessExit(() => void telemetry.stop())

  const launch = async (): Promise<Control> => {
    const exporters = await store.start()
    if (stopping) throw new TelemetryError('STOPPED', 'telemetry was stopped while it started')
    for (const [id, exporter] of exporters) addUnit(id, exporter)
    control = startControl({
      machine,
      units: [...units.values()],
      clock,
      logger,
      inspect: observation.inspect,
      onStateChange: ({ id, what, from, to }) => {
        const message = units.get(id)?.lastError()?.message
        const troubled = to === 'restarting' || to === 'retrying' || to === 'open'
        recorder.record({ kind: what, id, from, to, ...(troubled && { message }) })
        // What fails while it carries self-telemetry is counted only, or two exporters would feed each other.
        if (what === 'breaker' && to !== 'closed' && units.get(id)?.latestWasSelf()) return
        bus.emitSelf(`telemetry.${what}.state`, { count: 1 }, { exporter: id, from, to }, { exporter: id })
      },
      onRemoved: removeUnit,
    })
    state = 'running'
    bus.open()
    return control
  }

  /** The host's own time: a backend that hangs while it is opened delays the host no longer, whatever clock is injected. */
  const opened = async (running: Control): Promise<void> => {
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, openPatienceMs)
    })
    await Promise.race([running.settled(), patience])
    clearTimeout(timer)
  }

  const ledgers = (): Record<string, LedgerStatus> =>
    Object.fromEntries([...units].map(([id, unit]) => [id, unit.ledger()]))

  /** Waits for work that may fail, or hang, until the time is over. */
  const within = async (ms: number, work: Promise<unknown> | undefined): Promise<void> => {
    let timer: unknown
    const late = new Promise<void>((resolve) => {
      timer = clock.setTimeout(() => resolve(), Math.max(ms, 1))
    })
    await Promise.race([work?.catch(() => {}), late])
    clock.clearTimeout(timer)
  }

  /** Order of shutdown: the bus takes no more, configuration stands still, exporters drain and close, timers end. */
  const shutDown = async (timeoutMs: number): Promise<StopReport> => {
    const release = holdProcess(hostClock)
    try {
      state = 'stopping'
      const deadline = clock.now() + timeoutMs
      for (const unit of units.values()) unit.hasToEndBy(deadline)
      bus.flush()
      bus.close()
      const storeStopped = store.stop()
      for (const resolve of departures.values()) resolve()
      await within(timeoutMs, launching)
      await control?.stop(Math.max(deadline - clock.now(), 0))
      // What a crashed or hanging exporter left open; whoever closes too slowly is left to itself.
      const exporters = [...units.values()]
      await within(deadline + closeGraceMs - clock.now(), Promise.all(exporters.map((unit) => unit.close())))
      await Promise.all(exporters.map((unit) => unit.idle()))
      for (const unit of exporters) unit.abandon('shutdown')
      await storeStopped
    } finally {
      state = 'stopped'
      timers.end()
      releaseExit()
      release()
    }
    const exporters = ledgers()
    const complete = Object.values(exporters).every(({ dropped }) => !dropped.shutdown)
    return { complete, exporters }
  }

  const known = (id: string): void => {
    if (!units.has(id))
      throw new TelemetryError('EXPORTER_UNKNOWN', `there is no exporter ${JSON.stringify(id)}`)
  }

  const telemetry: Telemetry<Events> = {
    start() {
      if (stopping) return Promise.reject(new TelemetryError('STOPPED', 'telemetry is stopped'))
      launching ??= launch().catch((error) => {
        launching = undefined
        throw error
      })
      return launching.then(opened)
    },
    emit: bus.emit as TypedEmit<Events>,
    span,
    startSpan,
    attach: bus.attach,
    detach: bus.detach,
    handlers: bus.handlers,
    config: {
      put: store.put,
      putFrom: store.putFrom,
      get: store.get,
      unset: store.unset,
      explain: store.explain,
      subscribe: store.subscribe,
    },
    status,
    async flush({ timeoutMs = defaultFlushMs, exporters = [...units.keys()] } = {}) {
      const release = holdProcess(hostClock)
      try {
        bus.flush()
        control?.flush(exporters)
        let timer: unknown
        const late = new Promise<false>((resolve) => {
          timer = clock.setTimeout(() => resolve(false), timeoutMs)
        })
        const all = Promise.all(exporters.map((id) => units.get(id)?.flushed())).then(() => true as const)
        const settled = await Promise.race([all, late])
        clock.clearTimeout(timer)
        // What was emitted before the start has reached no exporter yet.
        return { complete: settled && bus.status().buffered === 0, exporters: ledgers() }
      } finally {
        release()
      }
    },
    async restart(id) {
      known(id)
      if (!control) return
      control.restart(id)
      await opened(control)
    },
    breaker(id) {
      known(id)
      return {
        forceOpen: () => control?.commandBreaker(id, 'force_open'),
        disable: () => control?.commandBreaker(id, 'disable'),
        reset: () => control?.commandBreaker(id, 'reset'),
      }
    },
    stop({ timeoutMs = defaultStopMs } = {}) {
      stopping ??= shutDown(timeoutMs)
      return stopping
    },
    snapshot: () => control?.snapshot() ?? { system: state, exporters: {} },
    observe: observation.observe,
  }
  openIngress(telemetry, { definitionOf: (id) => units.get(id)?.definition, offer: bus.offer })
  return telemetry
}
