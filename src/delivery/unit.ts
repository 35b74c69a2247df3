import type { SpoolState, UnitHandle } from '../../machines/index.ts'
import { type Deliver, handOverAfterMs, handOverNowAt, type Inbox } from '../bus/inbox.ts'
import type { Clock } from '../clock.ts'
import { withoutRejection } from '../errors.ts'
import type { AnyExporterDefinition, Config, ExporterContext } from '../exporters/exporter.ts'
import type { Logger } from '../logger.ts'
import { createClients, type Setup } from './clients.ts'
import { createConfiguration } from './configuration.ts'
import { createDropReports } from './drop-reports.ts'
import { createTallies, type EndpointTally, endpointsOf } from './endpoints.ts'
import { createErrorLog, type LastError } from './error-log.ts'
import type { Flush } from './flushes.ts'
import { createLedger, type LedgerStatus } from './ledger.ts'
import { createLives, type UnitLife } from './life.ts'
import { createPipeline } from './pipeline.ts'
import type { ExportAttempts } from './ship.ts'
import type { SpoolOptions } from './spool/contract.ts'
import type { Disk } from './spool/disk.ts'
import type { SpoolStatus } from './spool/status.ts'

/**
 * The data side of one exporter: its pipeline, ledger and clients. It outlives the exporter's actors and every client,
 * and takes what the bus hands over whether or not an actor runs.
 */
export interface Unit extends UnitHandle {
  readonly definition: AnyExporterDefinition
  life(epoch: number): UnitLife
  stage(setup: Setup): void
  config(): Config
  enabled(): boolean
  close(): Promise<void>
  abandon(reason: 'disabled' | 'shutdown'): void
  /** Resolves when what was abandoned is on disk, as far as there is a spool. */
  parked(): Promise<void>
  /** The spool takes no more, and gives its directory back. */
  endSpool(): Promise<void>
  /** Undefined: it has no spool. */
  spool(): SpoolStatus | undefined
  /** Resolves when nothing that is running now is in flight any more. */
  idle(): Promise<void>
  /** Its latest attempt carried nothing but self-telemetry: what comes of it is not announced. */
  latestWasSelf(): boolean
  /** Waits until everything emitted before the call is settled. */
  flushed(): Flush
  ledger(): LedgerStatus
  lastError(): LastError | undefined
  attempts(): ExportAttempts
  /** Returns the counters of each endpoint, if the configuration lists several. */
  endpoints(): readonly EndpointTally[]
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
  readonly inbox: (deliver: Deliver) => Inbox
  /** Self-telemetry about this exporter. */
  readonly announce: (
    name: string,
    measurements: Record<string, number>,
    metadata: Record<string, unknown>,
  ) => void
  readonly status: () => unknown
  readonly disk: Disk
  readonly inspect?: SpoolOptions['inspect']
  readonly onSpoolState: (from: SpoolState, to: SpoolState) => void
}

/**
 * Events that go over from the bus at once, sooner than it would by itself if a batch or the queue is smaller. Nobody waits
 * for those of a pulled exporter until they are asked for.
 */
function handOverAt({ batch_size, queue_size, flush_interval }: Config, pulled: boolean): number {
  if (pulled) return handOverNowAt
  if (Number(flush_interval) * 1000 < handOverAfterMs) return 1
  return Math.min(512, Number(batch_size ?? 512), Number(queue_size ?? 512))
}

export function createUnit(options: UnitOptions): Unit {
  const { id, definition, clock, logger, random, redact, announce } = options
  const pulled = definition.export === undefined
  const configuration = createConfiguration(options.setup)
  let subscribed = false

  const config = (): Config => configuration.inForce().config
  const errors = createErrorLog({ id, clock, logger, redact })
  const drops = createDropReports({
    id,
    clock,
    logger,
    announce: (reason, count) => announce('telemetry.events.dropped', { count }, { reason }),
  })
  const ledger = createLedger(drops.note)

  /** Calls an optional function of a driver; if it throws, notes the error and returns `otherwise`. */
  const asked = <Answer>(ask: () => Answer, otherwise: Answer): Answer => {
    try {
      return withoutRejection(ask())
    } catch (error) {
      errors.note(error)
      return otherwise
    }
  }

  const state = asked(() => definition.state?.({ id, clock, logger }), undefined)
  const context: ExporterContext<unknown> = { id, clock, logger, state }

  const inbox = options.inbox((events, since) => {
    pipeline.intake.ingest(events, since)
    pipeline.doorbell.ring()
    pipeline.spool.wake()
  })

  const tallies = createTallies()
  const clients = createClients({
    definition,
    clock,
    config,
    retirementMs: () => Number(config().drain_timeout) * 1000,
    tallies,
    onError: errors.note,
    context: () => ({ ...context, catchUp: () => inbox.flush(), status: options.status }),
  })

  const pipeline = createPipeline({
    definition,
    context,
    clock,
    random,
    ledger,
    clients,
    config,
    onError: errors.note,
    spool: {
      disk: options.disk,
      inspect: options.inspect,
      onStateChange: options.onSpoolState,
      onError: errors.noteOfSpool,
    },
    onFailure: ({ type, cause, weight, onlySelf }) => {
      errors.note(cause)
      if (onlySelf) return
      announce(
        'telemetry.export.failed',
        { count: 1, events: weight },
        { outcome: type, error: errors.last?.message },
      )
    },
  })
  const { queue, ship, flushes, intake, policies, spool } = pipeline

  /** The client that telemetry goes to, or the primary's. */
  const serving = (): unknown => clients.current?.members[policies.serving ?? 0]?.client

  const readsScope = (): boolean => {
    if (definition.readsScope === undefined) return definition.ignoresScope !== true
    return asked(() => definition.readsScope?.(config()), true) !== false
  }

  const subscribe = (): void => {
    subscribed = true
    if (!pulled) spool.configure(config())
    // A driver that throws here gets everything, and answers for it event by event.
    const { accepts } = definition
    inbox.subscribe(config().event_patterns as readonly string[], {
      accepts: accepts && ((name) => asked(() => accepts.call(definition, name), true) !== false),
      ignoresTime: definition.ignoresTime === true,
      ignoresScope: !readsScope(),
      pulled,
      handOverAt: handOverAt(config(), pulled),
    })
  }

  const abandon = (reason: 'disabled' | 'shutdown'): void => {
    inbox.flush()
    pipeline.abandon(reason)
    drops.announce()
  }

  const lives = createLives({
    id,
    pulled,
    clock,
    random,
    configuration,
    clients,
    pipeline,
    errors,
    catchUp: () => inbox.flush(),
    subscribe,
    unsubscribe: () => {
      subscribed = false
      inbox.unsubscribe()
    },
    configured: (before) => {
      if (subscribed) subscribe()
      pipeline.configure(config())
      asked(() => definition.configure?.(config(), before, context), undefined)
    },
    announceDrops: drops.announce,
    abandon,
  })

  return {
    id,
    definition,
    pulled,
    life: lives.begin,
    noteCrash: lives.noteCrash,
    config,
    enabled: () => config().enabled !== false,
    stage: configuration.stage,
    close: () => clients.close(),
    abandon,
    idle: () => Promise.all(clients.running()).then(() => {}),
    latestWasSelf: () => ship.latestWasSelf,
    flushed() {
      intake.tick('flush')
      return flushes.begin(queue.tail, spool.flushed())
    },
    ledger() {
      const buffered = inbox.size
      const spooled = spool.weight
      return {
        accepted: ledger.ingested + buffered,
        delivered: ledger.delivered,
        dropped: { ...ledger.dropped },
        pending: {
          buffered: buffered + intake.underWay(),
          held: ledger.held,
          queued: queue.weight + spool.memoryWeight,
          in_flight: ledger.inFlight,
          ...(spooled !== undefined && { spooled }),
        },
        ambiguous: ledger.ambiguous,
        ...(spooled !== undefined && { restored: ledger.restored }),
      }
    },
    lastError: () => errors.last,
    attempts: () => ship.attempts,
    endpoints() {
      const endpoints = endpointsOf(definition, config())
      if (endpoints.length === 1) return []
      return endpoints.map(({ url }) => ({ url, ...tallies.of(url) }))
    },
    describe: () =>
      asked(() => {
        const facts = withoutRejection(definition.describe?.(serving(), state) ?? {})
        return JSON.parse(JSON.stringify(facts)) as Record<string, unknown>
      }, {}),
    client: serving,
    parked: spool.parked,
    endSpool: () => spool.end('shutdown'),
    spool: spool.status,
    dispose() {
      inbox.remove()
      void spool.parked().then(() => spool.end('disabled'))
    },
    toJSON: () => ({ id }),
  }
}
