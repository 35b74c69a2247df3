import {
  defaultRestartPolicy,
  type FenceReport,
  rememberCrash,
  type UnitHandle,
  type UnitPort,
  type WaveReport,
} from '../../machines/index.ts'
import { type Deliver, handOverAfterMs, type Inbox } from '../bus/inbox.ts'
import { type Clock, elapsed } from '../clock.ts'
import { withoutRejection } from '../errors.ts'
import type { AnyExporterDefinition, Config, ExporterContext } from '../exporters/exporter.ts'
import type { Logger } from '../logger.ts'
import { createClients, type Setup } from './clients.ts'
import { createDropReports } from './drop-reports.ts'
import { createErrorLog, type LastError } from './error-log.ts'
import type { Flush } from './flushes.ts'
import { createLedger, type LedgerStatus } from './ledger.ts'
import { createPipeline } from './pipeline.ts'
import { backoffMs } from './retry.ts'
import type { ExportAttempts } from './ship.ts'

/** One life of the exporter's actors: what their charts command, and the work their invoked actors wait for. */
export interface UnitLife extends UnitPort {
  /** Rejects with an OpenFailure. */
  open(signal: AbortSignal): Promise<void>
  prepare(signal: AbortSignal, instead: boolean): Promise<void>
  exportWave(probe: boolean): Promise<WaveReport>
  drain(probe: boolean, withinMs: number): Promise<WaveReport>
  retire(): Promise<void>
  close(): Promise<void>
  /** After a crash: ends the attempts of the dead actors and closes their clients. */
  fence(): Promise<FenceReport>
}

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
  /** Resolves when nothing that is running now is in flight any more. */
  idle(): Promise<void>
  /** Its latest attempt carried nothing but self-telemetry: what comes of it is not announced. */
  latestWasSelf(): boolean
  /** Waits until everything emitted before the call is settled. */
  flushed(): Flush
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
  readonly inbox: (deliver: Deliver) => Inbox
  /** Self-telemetry about this exporter. */
  readonly announce: (
    name: string,
    measurements: Record<string, number>,
    metadata: Record<string, unknown>,
  ) => void
  readonly status: () => unknown
}

/** Events that go over from the bus at once, sooner than it would by itself if a batch or the queue is smaller. */
function handOverAt({ batch_size, queue_size, flush_interval }: Config): number {
  if (Number(flush_interval) * 1000 < handOverAfterMs) return 1
  return Math.min(512, Number(batch_size ?? 512), Number(queue_size ?? 512))
}

export function createUnit(options: UnitOptions): Unit {
  const { id, definition, clock, logger, random, redact, announce } = options
  const pulled = definition.export === undefined
  let setup = options.setup
  let inForce = setup.config
  let staged: Setup | undefined
  let openFailures = 0
  let crashes: readonly number[] = []
  let subscribed = false
  let latestLife = 0

  const config = (): Config => inForce
  const errors = createErrorLog({ id, clock, logger, redact })
  const drops = createDropReports((reason, count) =>
    announce('telemetry.events.dropped', { count }, { reason }),
  )
  const ledger = createLedger(drops.note)

  /** What a driver's optional part says; a throw is noted, and means `otherwise`. */
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
  })

  const clients = createClients({
    definition,
    clock,
    config,
    retirementMs: () => Number(inForce.drain_timeout) * 1000,
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
  const { queue, ship, retry, flushes, doorbell, intake } = pipeline

  const subscribe = (): void => {
    subscribed = true
    // A driver that throws here gets everything, and answers for it event by event.
    const { accepts } = definition
    inbox.subscribe(inForce.event_patterns as readonly string[], {
      accepts: accepts && ((name) => asked(() => accepts.call(definition, name), true) !== false),
      ignoresTime: definition.ignoresTime === true,
      handOverAt: handOverAt(inForce),
    })
  }

  const abandon = (reason: 'disabled' | 'shutdown'): void => {
    inbox.flush()
    pipeline.abandon(reason)
    drops.announce()
  }

  const life = (epoch: number): UnitLife => {
    latestLife = Math.max(latestLife, epoch)
    const isCurrent = (): boolean => epoch === latestLife
    /** An earlier life commands nothing. */
    const only =
      <Args extends unknown[]>(act: (...args: Args) => void) =>
      (...args: Args): void => {
        if (isCurrent()) act(...args)
      }
    const works =
      <Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>) =>
      (...args: Args): Promise<Result> =>
        isCurrent() ? work(...args) : Promise.reject(new Error('the exporter has crashed meanwhile'))

    return {
      id,
      pulled,
      listen: only((listener) => doorbell.listen((event) => isCurrent() && listener(event))),
      look: only(() => doorbell.look()),
      requestFlush: only(() => {
        intake.tick('flush')
        flushes.request(queue.tail)
        retry.override()
        queue.hurry()
      }),
      failFlush: only(() => flushes.fail()),
      subscribe: only(subscribe),
      unsubscribe: only(() => {
        subscribed = false
        inbox.unsubscribe()
      }),
      swap: only(() => {
        clients.swap()
        retry.reset()
        queue.hurry()
        queue.requests.forget()
        doorbell.yieldOnce()
        openFailures = 0
      }),
      discard: only(() => clients.discard()),
      commit: only(() => {
        if (!staged) return
        setup = staged
        inForce = setup.config
        staged = undefined
        if (subscribed) subscribe()
        pipeline.configure(inForce)
      }),
      abort: only(() => {
        staged = undefined
      }),
      tick: only(() => {
        pipeline.tick(inForce)
        drops.announce()
      }),
      cut: only(() => clients.cut()),
      abandon: only(abandon),
      forgive: only(() => {
        crashes = []
      }),
      noteError: only(errors.note),

      open: works(async (signal) => {
        try {
          await clients.open(setup, signal)
          openFailures = 0
        } catch (error) {
          openFailures += 1
          throw Object.assign(errors.redacted(error), { retryInMs: backoffMs(openFailures, random()) })
        }
      }),
      prepare: works((signal, instead) =>
        clients.prepare(staged ?? setup, signal, instead).catch((error) => {
          throw errors.redacted(error)
        }),
      ),
      exportWave: works(async (probe) => {
        const report = await ship.wave(probe ? 1 : Number(inForce.max_in_flight))
        const { results } = report
        // A flush asks a backend that is down for one probe, and sends no second batch to a wrong address.
        if (results.includes('misdirected') || (probe && results.includes('failure'))) flushes.fail()
        return report
      }),
      drain: works(async (probe, withinMs) => {
        inbox.flush()
        intake.tick('flush')
        const deadline = elapsed(clock) + withinMs
        // What hangs at an old destination has to come back while there is time to send it to the current one.
        clients.hurryRetirement(withinMs / 2)
        const report = await ship.drain(Number(inForce.max_in_flight) || 1, {
          probe,
          timeLeftMs: () => deadline - elapsed(clock),
        })
        await Promise.all(clients.running())
        return report
      }),
      retire: works(() => clients.retired()),
      close: works(() => clients.close()),
      fence: works(async () => {
        await clients.close()
        return { crashes: crashes.length }
      }),
    }
  }

  return {
    id,
    definition,
    pulled,
    life,
    noteCrash(error) {
      errors.note(error)
      crashes = rememberCrash(crashes, elapsed(clock), defaultRestartPolicy)
    },
    config,
    enabled: () => inForce.enabled !== false,
    stage(next) {
      staged = next
    },
    close: () => clients.close(),
    abandon,
    idle: () => Promise.all(clients.running()).then(() => {}),
    latestWasSelf: () => ship.latestWasSelf,
    flushed() {
      intake.tick('flush')
      return flushes.begin(queue.tail)
    },
    ledger() {
      const buffered = inbox.size
      return {
        accepted: ledger.ingested + buffered,
        delivered: ledger.delivered,
        dropped: { ...ledger.dropped },
        pending: {
          buffered: buffered + intake.underWay,
          held: ledger.held,
          queued: queue.weight,
          in_flight: ledger.inFlight,
        },
        ambiguous: ledger.ambiguous,
      }
    },
    lastError: () => errors.last,
    attempts: () => ship.attempts,
    describe: () =>
      asked(() => {
        const facts = withoutRejection(definition.describe?.(clients.current?.client, state) ?? {})
        return JSON.parse(JSON.stringify(facts)) as Record<string, unknown>
      }, {}),
    client: () => clients.current?.client,
    dispose: () => inbox.remove(),
    toJSON: () => ({ id }),
  }
}
