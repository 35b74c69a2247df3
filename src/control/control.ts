import { type AnyActorRef, createActor, type SnapshotFrom } from 'xstate'
import type {
  BreakerCommand,
  PlannedChange,
  PlannedExporter,
  Refusal,
  systemMachine,
} from '../../machines/index.ts'
import { type BreakerState, breakerState, type ExporterState, exporterState } from '../../machines/states.ts'
import { type Clock, elapsed } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { Observation } from './observe.ts'

/** What is running for one exporter, now. */
export interface ExporterView {
  readonly state: ExporterState
  readonly breaker: BreakerState
  /** Consecutive failures while closed. */
  readonly breakerFailures: number
  /** Epoch milliseconds of the breaker's last change of state. */
  readonly breakerSince: number
  /** Milliseconds until an open breaker lets a probe through, on the monotonic clock; null while it is not open. */
  readonly probeInMs: number | null
}

/** State values of all charts, as XState writes them. */
export interface SystemPicture {
  readonly system: unknown
  readonly exporters: Readonly<
    Record<string, { exporter: unknown; delivery: unknown; breaker: unknown; spool?: unknown }>
  >
}

/** A change of what an exporter or its breaker shows. */
export interface StateChange {
  readonly id: string
  readonly what: 'exporter' | 'breaker' | 'spool'
  readonly from: string
  readonly to: string
}

/** The running actor system, from outside. */
export interface Control {
  /** Resolves with what was refused, once the change is in force everywhere, or nowhere. */
  change(version: number, changes: readonly PlannedChange[]): Promise<readonly Refusal[]>
  flush(ids: readonly string[]): void
  restart(id: string): void
  commandBreaker(id: string, command: BreakerCommand): void
  /** Begins more exporters of the start. */
  add(exporters: readonly PlannedExporter[]): void
  view(id: string): ExporterView | undefined
  /** Resolves when no exporter is at its first opening, or restart, any more. */
  settled(): Promise<void>
  snapshot(): SystemPicture
  /** Resolves when everything has stopped, a little after `timeoutMs` at the latest. */
  stop(timeoutMs: number): Promise<void>
}

const ended = 'telemetry has stopped'

/** Starts the root actor with its exporters. */
export function startControl(options: {
  machine: typeof systemMachine
  exporters: readonly PlannedExporter[]
  clock: Clock
  logger: Logger
  observation: Observation
  onStateChange: (change: StateChange) => void
  onRemoved: (id: string) => void
}): Control {
  const { machine, exporters, clock, logger, observation, onStateChange, onRemoved } = options
  const pending = new Map<number, (refusals: readonly Refusal[]) => void>()
  const watched = new WeakSet<object>()
  const waiting: (() => void)[] = []
  const shown = new Map<string, ExporterView>()
  const breakerSince = new Map<string, number>()
  /** When a breaker opened last, in monotonic milliseconds. */
  const openedAt = new Map<string, number>()
  /** Exporters whose client opens or that drain. */
  const settling = new Set<string>()
  let groups: SnapshotFrom<typeof systemMachine>['context']['groups'] | undefined

  const root = createActor(machine, {
    input: { exporters },
    clock,
    inspect: observation.inspect,
    systemId: 'system',
  })
  observation.connect(root.system)

  type Group = SnapshotFrom<typeof systemMachine>['context']['groups'][string]
  const groupOf = (id: string): Group | undefined => root.getSnapshot().context.groups[id]

  const view = (id: string): ExporterView | undefined => {
    const group = groupOf(id)
    if (!group) return undefined
    const breaker = group.breaker.getSnapshot()
    const state = breakerState(breaker)
    const now = elapsed(clock)
    return {
      state: exporterState(group.exporter.getSnapshot()),
      breaker: state,
      probeInMs:
        state === 'open' ? Math.max((openedAt.get(id) ?? now) + breaker.context.waitMs - now, 0) : null,
      breakerFailures: breaker.context.failures,
      breakerSince: breakerSince.get(id) ?? clock.now(),
    }
  }

  const wake = (): void => {
    if (waiting.length === 0 || settling.size > 0) return
    for (const resolve of waiting.splice(0)) resolve()
  }

  const compare = (id: string): void => {
    const now = view(id)
    if (now?.state === 'opening' || now?.state === 'draining') settling.add(id)
    else settling.delete(id)
    wake()
    const before = shown.get(id)
    if (!now) return
    shown.set(id, now)
    if (before?.breaker !== now.breaker) {
      breakerSince.set(id, clock.now())
      openedAt.set(id, elapsed(clock))
    }
    if (before && before.state !== now.state)
      onStateChange({ id, what: 'exporter', from: before.state, to: now.state })
    if (before && before.breaker !== now.breaker)
      onStateChange({ id, what: 'breaker', from: before.breaker, to: now.breaker })
  }

  /** Follows the actors of an exporter from the first snapshot that has them. */
  const watch = (id: string, { exporter, breaker, delivery }: Group): void => {
    if (watched.has(exporter)) return
    // Only entering a state that is shown outside is heard of, not every step.
    exporter.on('state.shown', () => compare(id))
    if (!watched.has(breaker)) breaker.on('state.shown', () => compare(id))
    const observer = { error: () => compare(id) }
    for (const actor of [exporter, breaker, delivery] as AnyActorRef[]) {
      if (watched.has(actor)) continue
      watched.add(actor)
      // Without an error observer a handled crash would become an uncaught exception.
      actor.subscribe(observer)
    }
    compare(id)
  }

  root.subscribe({
    next: ({ context }) => {
      if (context.groups === groups) return
      groups = context.groups
      for (const [id, actors] of Object.entries(groups)) watch(id, actors)
    },
    error: (error) => {
      logger.error({ error: String(error) }, 'the system actor died; telemetry is off')
      for (const settle of pending.values()) settle([{ id: '', reason: ended }])
    },
  })
  root.on('config.settled', ({ version, refusals }) => {
    pending.get(version)?.(refusals)
    pending.delete(version)
  })
  root.on('exporter.removed', ({ id }) => {
    shown.delete(id)
    breakerSince.delete(id)
    openedAt.delete(id)
    settling.delete(id)
    wake()
    onRemoved(id)
  })
  root.start()

  const isActive = (): boolean => root.getSnapshot().status === 'active'
  const send = (event: Parameters<typeof root.send>[0]): void => {
    if (isActive()) root.send(event)
  }

  return {
    change: (version, changes) =>
      new Promise((resolve) => {
        if (!isActive()) return resolve([{ id: '', reason: ended }])
        pending.set(version, resolve)
        root.send({ type: 'config.change', version, changes })
      }),
    add: (more) => send({ type: 'exporters.add', exporters: more }),
    flush: (ids) => send({ type: 'exporters.flush', ids }),
    restart: (id) => send({ type: 'exporter.restart', id }),
    commandBreaker: (id, command) => send({ type: 'breaker.command', id, command }),
    view,
    settled: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        wake()
      }),
    snapshot() {
      const { value, context } = root.getSnapshot()
      const exporters = Object.entries(context.groups).map(([id, actors]) => [
        id,
        {
          exporter: actors.exporter.getSnapshot().value,
          delivery: actors.delivery.getSnapshot().value,
          breaker: actors.breaker.getSnapshot().value,
        },
      ])
      return { system: value, exporters: Object.fromEntries(exporters) }
    },
    stop: (timeoutMs) =>
      new Promise((resolve) => {
        const done = (): void => {
          for (const settle of pending.values()) settle([{ id: '', reason: ended }])
          pending.clear()
          for (const settle of waiting.splice(0)) settle()
          resolve()
        }
        if (!isActive()) return done()
        root.subscribe({ complete: done, error: done })
        root.send({ type: 'system.stop', timeoutMs })
      }),
  }
}
