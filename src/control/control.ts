import { type AnyActorRef, createActor, type SnapshotFrom } from 'xstate'
import type {
  BreakerCommand,
  PlannedChange,
  PlannedExporter,
  Refusal,
  systemMachine,
} from '../../machines/index.ts'
import { type ExporterState, exporterState } from '../../machines/states.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import { type BreakerView, createBreakerViews } from './breaker-views.ts'
import type { Observation } from './observe.ts'

/** The running actors of one exporter. `breaker` is that of the endpoint that serves, or of the primary. */
export interface ExporterView extends BreakerView {
  readonly state: ExporterState
  /** The breakers of its endpoints, the primary's first. */
  readonly breakers: readonly BreakerView[]
  /** Index of the endpoint that serves; null while none of several does. */
  readonly serving: number | null
}

/** State values of all charts, as XState writes them. */
export interface SystemPicture {
  readonly system: unknown
  readonly exporters: Readonly<Record<string, ExporterPicture>>
}

/**
 * State values of one exporter's charts. `failover` and `breakers` are there where it has several endpoints, `spool`
 * where it has had one.
 */
export interface ExporterPicture {
  readonly exporter: unknown
  readonly delivery: unknown
  /** Snapshot of the primary's breaker. */
  readonly breaker: unknown
  readonly breakers?: readonly unknown[]
  readonly failover?: unknown
  readonly spool?: unknown
}

/**
 * A change of what an exporter, a breaker or a spool shows, or of the endpoint that serves (by its index; `none` if
 * none does). `endpoint`: whose breaker it is, where there are several.
 */
export interface StateChange {
  readonly id: string
  readonly what: 'exporter' | 'breaker' | 'endpoint' | 'spool'
  readonly from: string
  readonly to: string
  readonly endpoint?: number
}

/** The running actor system, from outside. */
export interface Control {
  /** Resolves with what was refused, once the change is in force everywhere, or nowhere. */
  change(version: number, changes: readonly PlannedChange[]): Promise<readonly Refusal[]>
  flush(ids: readonly string[]): void
  restart(id: string): void
  /** Sends a command to the breaker of one endpoint, or of all. */
  commandBreaker(id: string, command: BreakerCommand, endpoint?: number): void
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

/** The name of the endpoint that serves, in changes. */
const nameOf = (serving: number | null): string => (serving === null ? 'none' : String(serving))

type Group = SnapshotFrom<typeof systemMachine>['context']['groups'][string]

const pictureOf = ({ exporter, delivery, breakers, failover }: Group): ExporterPicture => {
  const values = breakers.map((breaker) => breaker.getSnapshot().value)
  return {
    exporter: exporter.getSnapshot().value,
    delivery: delivery.getSnapshot().value,
    breaker: values[0],
    ...(failover && { breakers: values, failover: failover.getSnapshot().value }),
  }
}

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
  const breakerViews = createBreakerViews(clock)
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

  const groupOf = (id: string): Group | undefined => root.getSnapshot().context.groups[id]

  const view = (id: string): ExporterView | undefined => {
    const group = groupOf(id)
    if (!group) return undefined
    const breakers = breakerViews.of(id, group.breakers)
    const serving = group.failover ? group.failover.getSnapshot().context.serving : 0
    const shownBreaker = (breakers[serving ?? 0] ?? breakers[0]) as BreakerView
    return { state: exporterState(group.exporter.getSnapshot()), ...shownBreaker, breakers, serving }
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
    breakerViews.note(id, now.breakers)
    if (!before) return
    if (before.state !== now.state) onStateChange({ id, what: 'exporter', from: before.state, to: now.state })
    const several = now.breakers.length > 1
    for (const [endpoint, { breaker: to }] of now.breakers.entries()) {
      const { breaker: from = to } = before.breakers[endpoint] ?? {}
      if (from !== to) onStateChange({ id, what: 'breaker', from, to, ...(several && { endpoint }) })
    }
    if (before.serving !== now.serving)
      onStateChange({ id, what: 'endpoint', from: nameOf(before.serving), to: nameOf(now.serving) })
  }

  /** Follows the actors of an exporter from the first snapshot that has them. */
  const watch = (id: string, { exporter, breakers, failover, delivery }: Group): void => {
    const fresh = [exporter, ...breakers, failover].filter((actor) => actor && !watched.has(actor))
    if (fresh.length === 0) return
    // Only entering a state that is shown outside is heard of, not every step.
    for (const actor of fresh) actor?.on('state.shown', () => compare(id))
    const observer = { error: () => compare(id) }
    for (const actor of [...fresh, delivery] as AnyActorRef[]) {
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
      logger.error({ error: String(error) }, 'the system actor has crashed; telemetry is off')
      for (const settle of pending.values()) settle([{ id: '', reason: ended }])
    },
  })
  root.on('config.settled', ({ version, refusals }) => {
    pending.get(version)?.(refusals)
    pending.delete(version)
  })
  root.on('exporter.removed', ({ id }) => {
    shown.delete(id)
    breakerViews.forget(id)
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
    commandBreaker: (id, command, endpoint) =>
      send({ type: 'breaker.command', id, command, ...(endpoint !== undefined && { endpoint }) }),
    view,
    settled: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        wake()
      }),
    snapshot() {
      const { value, context } = root.getSnapshot()
      const exporters = Object.entries(context.groups).map(([id, group]) => [id, pictureOf(group)])
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
