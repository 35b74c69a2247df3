import { type Clock, elapsed } from '../clock.ts'
import { TelemetryError, withoutRejection } from '../errors.ts'
import type { AnyExporterDefinition, Config, ExporterContext } from '../exporters/exporter.ts'
import type { Clients } from './clients.ts'
import { createDoorbell, type Doorbell } from './doorbell.ts'
import { createFlushes, type Flushes } from './flushes.ts'
import { createIntake, type Intake } from './intake.ts'
import type { Ledger } from './ledger.ts'
import { createQueue, type Queue } from './queue.ts'
import { createRetryPolicies, type RetryPolicies } from './retry-policies.ts'
import { limitsOf } from './settings.ts'
import { createSettle } from './settle.ts'
import { createShip, type ExportFailure, type Ship } from './ship.ts'
import type { Spool, SpoolOptions } from './spool/contract.ts'
import { createSpool } from './spool/spool.ts'
import { createWaves, type Waves } from './waves.ts'

/** An event's way through one exporter: intake → queue → ship → settle, and back to the queue if it has to. */
export interface Pipeline {
  readonly intake: Intake
  readonly queue: Queue
  readonly ship: Ship
  readonly waves: Waves
  readonly policies: RetryPolicies
  readonly flushes: Flushes
  readonly doorbell: Doorbell
  readonly spool: Spool
  /** Other settings are in force. */
  configure(config: Config): void
  /** Upkeep, about once a second: what is too old is dropped, what the driver holds may be handed over. */
  tick(config: Config): void
  /** Drops and counts everything that is held; what waits is written to disk, or dropped as well. */
  abandon(reason: 'disabled' | 'shutdown'): void
}

export function createPipeline(options: {
  definition: AnyExporterDefinition
  context: ExporterContext<unknown>
  clock: Clock
  /** In [0, 1): jitter. */
  random: () => number
  ledger: Ledger
  clients: Clients
  config: () => Config
  onError: (error: unknown) => void
  onFailure: (failure: ExportFailure) => void
  spool: Pick<SpoolOptions, 'disk' | 'inspect' | 'onStateChange' | 'onError'>
}): Pipeline {
  const { definition, context, clock, random, ledger, clients, config, onError, onFailure } = options
  let limits = limitsOf(config())

  const requestBytes = (): number => {
    const { current } = clients
    if (current === undefined || definition.requestBytes === undefined) return 0
    try {
      const sizes = current.members.map(({ client }) => withoutRejection(definition.requestBytes?.(client)))
      const bytes = Math.max(...sizes.map(Number), 0) || 0
      if (bytes >= limits.maxRequestBytes) sayThatNothingFits(bytes)
      return bytes
    } catch (error) {
      onError(error)
      return 0
    }
  }

  /** The limits and the client's overhead for which it was said last that no item fits. */
  let saidFor = ''
  const sayThatNothingFits = (bytes: number): void => {
    const { maxRequestBytes } = limits
    if (saidFor === `${bytes} ${maxRequestBytes}`) return
    saidFor = `${bytes} ${maxRequestBytes}`
    onError(
      new TelemetryError(
        'REQUEST_TOO_SMALL',
        `max_request_bytes is ${maxRequestBytes}, and a request takes ${bytes} bytes before its first item: every ` +
          'item is dropped as too_large. Raise max_request_bytes, or shorten what each request repeats (resource attributes)',
      ),
    )
  }

  const queue = createQueue({
    ledger,
    limits: () => limits,
    sizeOf: definition.sizeOf?.bind(definition),
    requestBytes,
    heldBytes: () => intake.held.bytes,
    spool: () => spool,
    isFreshDue: () => doorbell.isFreshDue(),
  })
  const intake = createIntake({
    definition,
    state: context.state,
    ledger,
    clock,
    config,
    enqueue: queue.enqueue,
    makeRoom: queue.makeRoom,
    onError,
  })
  const policies = createRetryPolicies({
    clock,
    random,
    attempts: () => Number(config().retry_attempts),
    longestMs: () => Number(config().reset_timeout ?? 60) * 1000,
  })
  const ship = createShip({
    definition,
    context,
    clock,
    ledger,
    queue,
    settle: createSettle({ ledger, queue, policies }),
    clients,
    config,
    onError,
    onFailure,
    onSettled: (current, endpoint) => {
      flushes.wake()
      // A batch that an old client, or a probe of another endpoint, could not finish is work for the endpoint that
      // serves.
      if (!current || endpoint !== policies.serving) doorbell.ring()
    },
  })
  const waves = createWaves({
    clock,
    queue,
    policies,
    ship,
    clients,
    maxInFlight: () => Number(config().max_in_flight),
    random,
    isDue: () => doorbell.isDue(),
    fetch: () => spool.load(),
    isFetching: () => spool.isFetching,
    onPause: () => spool.pause(),
  })
  const flushes = createFlushes(() => ship.settledBefore())
  const doorbell = createDoorbell({
    queue,
    policies,
    clock,
    // The other half is for the backend to answer.
    flushIntervalMs: () => Number(config().flush_interval) * (spool.isPrompt ? 500 : 1000),
    isFlushing: () => queue.taken() < flushes.requestedTo,
    isDiskDue: () => queue.fetched > 0 || spool.isDue,
    onRing: waves.goOn,
  })
  const spool = createSpool({
    ...options.spool,
    id: context.id,
    definition,
    state: context.state,
    clock,
    ledger,
    config,
    queue: () => queue,
    leases: () => ship.leases,
    isTaking: () => waves.isTaking,
    onReadable: () => {
      doorbell.ring()
      waves.resume()
    },
    onChange: () => {
      limits = limitsOf(config(), spool.spills)
      doorbell.lookAgain()
    },
  })

  return {
    intake,
    queue,
    ship,
    waves,
    policies,
    flushes,
    doorbell,
    spool,
    configure(now) {
      limits = limitsOf(now, spool.spills)
      doorbell.lookAgain()
    },
    tick(now) {
      const { max_age: maxAge } = now
      intake.tick('interval')
      if (typeof maxAge === 'number') queue.expire(elapsed(clock) - maxAge * 1000)
      spool.tick(now)
      flushes.wake()
      doorbell.ring()
    },
    abandon(reason) {
      intake.forget(reason)
      if (!spool.park(reason)) queue.drop(reason)
      flushes.fail()
    },
  }
}
