import type { BreakerSettings, UnitPort, WaveReport } from '../../machines/index.ts'
import type { TelemetryEvent } from '../bus/event.ts'
import type { Inbox } from '../bus/inbox.ts'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { AnyExporterDefinition, Config, ExporterContext } from '../exporters/exporter.ts'
import type { Logger } from '../logger.ts'
import { type BacklogLimits, createBacklog } from './backlog.ts'
import { backoffMs, exportBackoff } from './backoff.ts'
import { createClients, type Setup } from './clients.ts'
import { createIntake } from './intake.ts'
import { createLedger, type DropReason, type LedgerStatus } from './ledger.ts'
import { createShipping, type ExportAttempts } from './shipping.ts'

export interface LastError {
  readonly message: string
  readonly code?: string
  /** Epoch milliseconds. */
  readonly at: number
}

/**
 * The data side of one exporter: its queue, ledger, leases and clients. It outlives the exporter's actor and
 * every client. The UnitPort methods are total; the promises of the others may reject, for invoked actors.
 */
export interface Unit extends UnitPort {
  readonly definition: AnyExporterDefinition
  /** The bus hands a batch over; it counts as buffered until it is ingested. */
  offer(events: TelemetryEvent[]): void
  stage(setup: Setup): void
  config(): Config

  open(signal: AbortSignal): Promise<void>
  prepare(signal: AbortSignal, instead: boolean): Promise<void>
  exportWave(probe: boolean): Promise<WaveReport>
  drain(probe: boolean): Promise<WaveReport>
  retire(): Promise<void>
  close(): Promise<void>
  /** After a crash: takes over what is on its way to the dead actor, ends its attempts, closes its clients. */
  fence(): Promise<void>

  /** Resolves when nothing that is running now is in flight any more. */
  idle(): Promise<void>
  /** Its latest attempt carried nothing but self-telemetry: what comes of it is not announced. */
  latestWasSelf(): boolean
  /** Resolves when everything queued before the call is settled. */
  flushed(): Promise<void>
  /** From now on draining has to end by then, in clock milliseconds. */
  hasToEndBy(deadline: number): void
  ledger(): LedgerStatus
  lastError(): LastError | undefined
  attempts(): ExportAttempts
  describe(): Readonly<Record<string, unknown>>
  /** The client that serves. */
  client(): unknown
  /** The bus forgets the exporter. */
  dispose(): void
  /** All an inspector may show of it. */
  toJSON(): { readonly id: string }
}

export interface UnitOptions {
  readonly id: string
  readonly definition: AnyExporterDefinition
  readonly setup: Setup
  readonly clock: Clock
  readonly logger: Logger
  /** In [0, 1): jitter. */
  readonly random: () => number
  readonly redact: (text: string) => string
  readonly inbox: (deliver: (events: TelemetryEvent[]) => void) => Inbox
  /** Sends a batch to the exporter's actor; false when none is running. */
  readonly forward: (events: TelemetryEvent[]) => boolean
  /** Self-telemetry about this exporter. */
  readonly announce: (
    name: string,
    measurements: Record<string, number>,
    metadata: Record<string, unknown>,
  ) => void
  readonly status: () => unknown
}

/** At most one line in the log per exporter in this time; the status always shows the last error. */
const quietMs = 5_000
/** How long an exporter without `timeout` of its own (a pull exporter) would hold a probe. */
const probeSlackMs = 1_000

const limitsOf = (config: Config): BacklogLimits => ({
  queueSize: Number(config.queue_size),
  batchSize: Number(config.batch_size),
  maxRequestBytes: Number(config.max_request_bytes),
  overflow: config.overflow === 'drop_oldest' ? 'drop_oldest' : 'drop_newest',
})

/** The code of anything that was thrown; never throws itself. */
function codeOf(thrown: unknown): string | undefined {
  try {
    const { code } = thrown as { code?: unknown }
    return typeof code === 'string' ? code : undefined
  } catch {
    return undefined
  }
}

export function createUnit(options: UnitOptions): Unit {
  const { id, definition, clock, logger, random, redact, announce } = options
  let setup = options.setup
  let inForce = setup.config
  let limits = limitsOf(inForce)
  let staged: Setup | undefined
  let lastError: LastError | undefined
  let lastLogged = Number.NEGATIVE_INFINITY
  let openFailures = 0
  let mustEndBy = Number.POSITIVE_INFINITY
  let flushPosition = 0
  let subscribed = false
  const offered = new Set<readonly unknown[]>()
  const dropsToAnnounce = new Map<DropReason, number>()
  const watchers: { position: number; resolve: () => void }[] = []

  const config = (): Config => inForce
  const number = (key: string): number => Number(inForce[key])

  const noteError = (error: unknown): void => {
    const code = codeOf(error)
    lastError = {
      message: redact(messageOf(error)),
      ...(code !== undefined && { code }),
      at: Math.floor(clock.now()),
    }
    // A driver that throws on each event must not flood the log as well.
    if (lastError.at - lastLogged < quietMs) return
    lastLogged = lastError.at
    logger.warn({ exporter: id, ...lastError }, 'exporter error')
  }

  const ledger = createLedger((reason, weight) => {
    dropsToAnnounce.set(reason, (dropsToAnnounce.get(reason) ?? 0) + weight)
  })

  const makeState = (): unknown => {
    try {
      return definition.state?.({ id, clock, logger })
    } catch (error) {
      noteError(error)
      return undefined
    }
  }
  const context: ExporterContext<unknown> = { id, clock, logger, state: makeState() }

  const backlog = createBacklog({
    ledger,
    sizeOf: definition.sizeOf?.bind(definition),
    limits: () => limits,
    requestBytes: () => requestBytes(),
  })

  const requestBytes = (): number => {
    const { current } = clients
    if (current === undefined || definition.requestBytes === undefined) return 0
    try {
      return Math.max(definition.requestBytes(current.client), 0) || 0
    } catch (error) {
      noteError(error)
      return 0
    }
  }

  const intake = createIntake({
    definition,
    state: context.state,
    ledger,
    clock,
    config,
    enqueue: backlog.enqueue,
    onError: noteError,
  })

  const inbox = options.inbox((events) => unit.offer(events))

  const clients = createClients({
    definition,
    clock,
    config,
    retirementMs: () => number('drain_timeout') * 1000,
    onError: noteError,
    context: () => ({ ...context, catchUp: () => inbox.flush(), status: options.status }),
  })

  const shipping = createShipping({
    definition,
    context,
    clock,
    ledger,
    backlog,
    clients,
    config,
    random,
    onSettled: () => wakeWatchers(),
    isDue: () => unit.batchDue(),
    onFailure: ({ type, cause, weight, onlySelf }) => {
      noteError(cause)
      if (onlySelf) return
      announce(
        'telemetry.export.failed',
        { count: 1, events: weight },
        { outcome: type, error: lastError?.message },
      )
    },
  })

  const wakeWatchers = (): void => {
    if (watchers.length === 0) return
    const settled = shipping.settledBefore()
    for (let i = watchers.length - 1; i >= 0; i -= 1) {
      const watcher = watchers[i] as (typeof watchers)[number]
      if (settled >= watcher.position) {
        watchers.splice(i, 1)
        watcher.resolve()
      }
    }
  }

  const announceDrops = (): void => {
    for (const [reason, count] of dropsToAnnounce) announce('telemetry.events.dropped', { count }, { reason })
    dropsToAnnounce.clear()
  }

  /** A driver that throws here gets everything, and answers for it event by event. */
  const accepts =
    definition.accepts &&
    ((name: string): boolean => {
      try {
        return definition.accepts?.(name) !== false
      } catch (error) {
        noteError(error)
        return true
      }
    })

  const takeOver = (): void => {
    for (const events of offered) unit.ingest(events)
  }

  const unit: Unit = {
    id,
    definition,
    pulled: definition.export === undefined,
    enabled: () => inForce.enabled !== false,
    config,
    now: () => clock.now(),

    offer(events) {
      offered.add(events)
      if (!options.forward(events)) takeOver()
    },
    ingest(events) {
      if (!offered.delete(events)) return
      intake.ingest(events as TelemetryEvent[])
    },
    subscribe() {
      subscribed = true
      inbox.subscribe(inForce.event_patterns as readonly string[], {
        accepts,
        ignoresTime: definition.ignoresTime === true,
      })
    },
    unsubscribe() {
      subscribed = false
      inbox.unsubscribe()
      takeOver()
    },

    hasClient: () => clients.current !== undefined,
    hasRetiring: () => clients.hasRetiring,
    swap() {
      clients.swap()
      shipping.hurry()
      openFailures = 0
    },
    discard: () => clients.discard(),

    stage(next) {
      staged = next
    },
    commit() {
      if (!staged) return
      setup = staged
      inForce = setup.config
      limits = limitsOf(inForce)
      staged = undefined
      if (subscribed) unit.subscribe()
    },
    abort() {
      staged = undefined
    },

    hasWork: () => backlog.items > 0,
    batchDue: () =>
      backlog.retryDue() ||
      backlog.fresh >= number('batch_size') ||
      backlog.items >= number('queue_size') ||
      (backlog.fresh > 0 && (backlog.taken() < flushPosition || unit.msUntilDue() <= 0)),
    msUntilDue: () => Math.max(backlog.oldest() + number('flush_interval') * 1000 - clock.now(), 0),
    mustCool: () => backlog.items > 0 && shipping.cooling,
    msUntilRetry: () => shipping.msUntilRetry(),
    msUntilReopen: () => backoffMs(openFailures, random(), exportBackoff),
    msToDrain: () => Math.max(Math.min(number('drain_timeout') * 1000, mustEndBy - clock.now()), 0),

    requestFlush() {
      intake.tick('flush')
      flushPosition = backlog.tail
    },
    tick() {
      intake.tick('interval')
      const maxAge = inForce.max_age
      if (typeof maxAge === 'number') backlog.expire(clock.now() - maxAge * 1000)
      announceDrops()
      wakeWatchers()
    },
    cut: () => clients.cut(),
    abandon(reason) {
      takeOver()
      intake.forget(reason)
      backlog.drop(reason)
      announceDrops()
      wakeWatchers()
    },

    noteError,
    breakerSettings: (): BreakerSettings => ({
      failureThreshold: number('failure_threshold') || 5,
      resetTimeoutMs: (number('reset_timeout') || 60) * 1000,
      probeTimeoutMs: (number('timeout') || 10) * 1000 + probeSlackMs,
    }),

    async open(signal) {
      try {
        await clients.open(setup, signal)
        openFailures = 0
      } catch (error) {
        openFailures += 1
        throw new Error(redact(messageOf(error)), { cause: error })
      }
    },
    async prepare(signal, instead) {
      try {
        await clients.prepare(staged ?? setup, signal, instead)
      } catch (error) {
        throw new Error(redact(messageOf(error)), { cause: error })
      }
    },
    exportWave: (probe) => shipping.wave(probe ? 1 : number('max_in_flight')),
    async drain(probe) {
      takeOver()
      intake.tick('flush')
      const deadline = clock.now() + unit.msToDrain()
      const report = await shipping.drain(number('max_in_flight') || 1, {
        probe,
        timeLeftMs: () => Math.min(deadline, mustEndBy) - clock.now(),
      })
      await clients.idle()
      return report
    },
    retire: () => clients.retire(),
    close: () => clients.close(),
    fence() {
      takeOver()
      return clients.close()
    },

    idle: () => clients.idle(),
    latestWasSelf: () => shipping.latestWasSelf,
    flushed: () =>
      new Promise((resolve) => {
        watchers.push({ position: backlog.tail, resolve })
        wakeWatchers()
      }),
    hasToEndBy(deadline) {
      mustEndBy = deadline
    },
    ledger() {
      const { underWay } = intake
      let buffered = inbox.size
      for (const events of offered) buffered += events.length
      return {
        accepted: ledger.ingested + buffered,
        delivered: ledger.delivered,
        dropped: { ...ledger.dropped },
        pending: {
          buffered: buffered + underWay,
          held: ledger.held,
          queued: backlog.weight,
          in_flight: ledger.inFlight,
        },
        ambiguous: ledger.ambiguous,
      }
    },
    lastError: () => lastError,
    attempts: () => shipping.attempts,
    describe() {
      try {
        const facts = definition.describe?.(clients.current?.client, context.state) ?? {}
        return JSON.parse(JSON.stringify(facts)) as Record<string, unknown>
      } catch (error) {
        noteError(error)
        return {}
      }
    },
    client: () => clients.current?.client,
    dispose: () => inbox.remove(),
    toJSON: () => ({ id }),
  }
  return unit
}
