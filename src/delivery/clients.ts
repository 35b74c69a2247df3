import { type Clock, elapsed } from '../clock.ts'
import { messageOf, TelemetryError } from '../errors.ts'
import type { AnyExporterDefinition, Config, OpenContext } from '../exporters/exporter.ts'
import { guardedAbort } from './abort.ts'
import { endpointConfig, endpointsOf, type Tallies, type Tally } from './endpoints.ts'

/** An open client, the configuration it was opened with, and the attempts that run on it. */
export interface ClientSlot {
  /** Clients that the driver opened: one for each endpoint, the primary's first. */
  readonly members: readonly Member[]
  readonly config: Config
  readonly running: Set<{ readonly endpoint: number; readonly settled: Promise<unknown>; cut(): void }>
}

/** A client of one endpoint. */
interface Member {
  readonly client: unknown
  readonly tally: Tally
}

/** A client on its way out. */
interface Retirement {
  readonly slot: ClientSlot
  /** Resolves when it is closed. */
  readonly closed: Promise<void>
  /** Ends what it has in flight after so many milliseconds, unless it ends earlier. */
  cutWithin(ms: number): void
}

/** The arguments with which a client is opened. */
export interface Setup {
  readonly config: Config
  readonly forbidAddress: OpenContext<unknown>['forbidAddress']
}

/** How long a driver's `close` is waited for. */
const closeMs = 2_000

/** How many replaced clients may finish what they have in flight at the same time. */
const mostRetiring = 8

/**
 * The clients of one exporter: one serving, at most one candidate being opened beside it, and old ones that
 * finish what they have in flight, each until its own deadline, before they are closed.
 */
export interface Clients {
  readonly current: ClientSlot | undefined
  /** Opens the current client. Rejects with the driver's error, or EXPORTER_OPEN_TIMEOUT. */
  open(setup: Setup, signal: AbortSignal): Promise<void>
  /** Opens a candidate; `replace` closes the current client first (same port, other host). */
  prepare(setup: Setup, signal: AbortSignal, effect: 'rebuild' | 'replace'): Promise<void>
  swap(): void
  discard(): void
  /** Resolves when every retiring client is closed. */
  retired(): Promise<void>
  /**
   * Old clients, and attempts at other endpoints than this one, finish within so many milliseconds, so that what they
   * could not deliver can still go there.
   */
  hurryOthers(ms: number, endpoint: number): void
  /** Attempts that are in flight now, on any client. */
  running(): Promise<unknown>[]
  /** Ends every running attempt. */
  cut(): void
  /** Cuts and closes every client. */
  close(): Promise<void>
}

export function createClients(options: {
  definition: AnyExporterDefinition
  clock: Clock
  context: (current: () => Config) => Omit<OpenContext<unknown>, 'signal' | 'current' | 'forbidAddress'>
  config: () => Config
  /** How long a replaced client may finish what it has in flight. */
  retirementMs: () => number
  tallies: Tallies
  onError: (error: unknown) => void
}): Clients {
  const { definition, clock, context, config: inForce, retirementMs, tallies, onError } = options
  let current: ClientSlot | undefined
  let candidate: ClientSlot | undefined
  /** Oldest first. */
  const retiring = new Set<Retirement>()
  /** Aborts an opening under way, which a crashed actor would leave behind. */
  const openings = new Set<() => void>()
  /** Counts `close`: what began to open before it is not kept. */
  let epoch = 0

  const closeClient = (client: unknown): Promise<void> =>
    new Promise((resolve) => {
      const timer = clock.setTimeout(() => {
        onError(new TelemetryError('EXPORTER_CLOSE_TIMEOUT', `not closed within ${closeMs / 1000} s`))
        resolve()
      }, closeMs)
      const done = (): void => {
        clock.clearTimeout(timer)
        resolve()
      }
      new Promise((closed) => closed(definition.close(client, { deadline: clock.now() + closeMs }))).then(
        done,
        (error) => {
          onError(error)
          done()
        },
      )
    })

  const closeAll = (members: readonly Member[]): Promise<unknown> =>
    Promise.all(members.map(({ client }) => closeClient(client)))

  const settled = (slot: ClientSlot): Promise<unknown> =>
    Promise.all([...slot.running].map((attempt) => attempt.settled))

  const cutSlot = (slot: ClientSlot): void => {
    for (const attempt of slot.running) attempt.cut()
  }

  const retire = (slot: ClientSlot): Retirement => {
    let timer: unknown
    let cutAt = Number.POSITIVE_INFINITY
    const cutWithin = (ms: number): void => {
      const deadline = elapsed(clock) + ms
      if (slot.running.size === 0 || deadline >= cutAt) return
      cutAt = deadline
      clock.clearTimeout(timer)
      timer = clock.setTimeout(() => cutSlot(slot), ms)
    }
    const closed = settled(slot)
      .then(() => {
        clock.clearTimeout(timer)
        return closeAll(slot.members)
      })
      .then(() => {
        retiring.delete(retirement)
      })
    const retirement: Retirement = { slot, closed, cutWithin }
    retiring.add(retirement)
    cutWithin(retirementMs())
    return retirement
  }

  const retired = async (): Promise<void> => {
    while (retiring.size > 0) await Promise.all([...retiring].map(({ closed }) => closed))
  }

  /** Opens a client for each endpoint, or none. */
  const openMembers = async (
    { config, forbidAddress }: Setup,
    signal: AbortSignal,
  ): Promise<readonly Member[]> => {
    const opened: Member[] = []
    let isWanted = true
    const giveUp = (): void => {
      isWanted = false
      void closeAll(opened.splice(0))
    }
    signal.addEventListener('abort', giveUp)
    const opening = endpointsOf(definition, config).map(async (one, endpoint): Promise<Member> => {
      const current = (): Config => endpointConfig(definition, inForce(), endpoint)
      const client = await definition.open(one.config, {
        ...context(current),
        signal,
        current,
        forbidAddress,
      })
      const member = { client, tally: tallies.of(one.url) }
      if (isWanted) opened.push(member)
      else void closeAll([member])
      return member
    })
    try {
      return await Promise.all(opening)
    } catch (error) {
      giveUp()
      throw error
    }
  }

  /** Bounded by open_timeout and the signal; a client that opens too late is closed, never kept. */
  const openSlot = (setup: Setup, signal: AbortSignal, since: number): Promise<ClientSlot> =>
    new Promise((resolve, reject) => {
      const controller = guardedAbort(onError)
      let over = false
      const finish = (act: () => void): void => {
        if (over) return
        over = true
        clock.clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        openings.delete(onAbort)
        act()
      }
      const giveUp = (error: TelemetryError): void =>
        finish(() => {
          controller.abort(error)
          reject(error)
        })
      const onAbort = (): void =>
        giveUp(new TelemetryError('EXPORTER_OPEN_ABORTED', 'the opening was cancelled'))
      const seconds = Number(setup.config.open_timeout ?? 10)
      const timer = clock.setTimeout(
        () => giveUp(new TelemetryError('EXPORTER_OPEN_TIMEOUT', `not open in ${seconds} s (open_timeout)`)),
        seconds * 1000,
      )
      if (signal.aborted || since !== epoch) return onAbort()
      signal.addEventListener('abort', onAbort)
      openings.add(onAbort)
      openMembers(setup, controller.signal).then(
        (members) => finish(() => resolve({ members, config: setup.config, running: new Set() })),
        (error) =>
          finish(() =>
            reject(
              error instanceof Error ? error : new TelemetryError('EXPORTER_OPEN_FAILED', messageOf(error)),
            ),
          ),
      )
    })

  const sendAway = (slot: ClientSlot | undefined): Retirement | undefined => slot && retire(slot)

  /** Before another client is opened: when too many retire, the oldest is cut. */
  const makeRoom = async (): Promise<void> => {
    for (let [oldest] = retiring; oldest && retiring.size >= mostRetiring; [oldest] = retiring) {
      cutSlot(oldest.slot)
      await oldest.closed
    }
  }

  /** A client that opened in the very turn in which it was given up is closed, not kept. */
  const keep = (slot: ClientSlot, signal: AbortSignal, since: number): ClientSlot => {
    if (!signal.aborted && since === epoch) return slot
    sendAway(slot)
    throw new TelemetryError('EXPORTER_OPEN_ABORTED', 'the opening was cancelled')
  }

  return {
    get current() {
      return current
    },
    async open(setup, signal) {
      const since = epoch
      await makeRoom()
      current = keep(await openSlot(setup, signal, since), signal, since)
    },
    async prepare(setup, signal, effect) {
      const since = epoch
      if (effect === 'replace' && current) {
        const old = sendAway(current)
        current = undefined
        if (old) {
          cutSlot(old.slot)
          await old.closed
        }
      } else if (effect === 'replace') await retired()
      await makeRoom()
      candidate = keep(await openSlot(setup, signal, since), signal, since)
    },
    swap() {
      if (!candidate) return
      try {
        for (const { client } of current?.members ?? []) definition.release?.(client)
      } catch (error) {
        onError(error)
      }
      sendAway(current)
      current = candidate
      candidate = undefined
    },
    discard() {
      sendAway(candidate)
      candidate = undefined
    },
    retired,
    hurryOthers(ms, endpoint) {
      for (const { cutWithin } of retiring) cutWithin(ms)
      const others = [...(current?.running ?? [])].filter((attempt) => attempt.endpoint !== endpoint)
      if (others.length > 0)
        clock.setTimeout(() => {
          for (const attempt of others) attempt.cut()
        }, ms)
    },
    running: () =>
      [current, ...[...retiring].map(({ slot }) => slot)].flatMap((slot) =>
        slot ? [...slot.running].map((attempt) => attempt.settled) : [],
      ),
    cut() {
      for (const slot of [current, candidate, ...[...retiring].map((old) => old.slot)])
        if (slot) cutSlot(slot)
    },
    async close() {
      epoch += 1
      for (const abort of openings) abort()
      sendAway(current)
      sendAway(candidate)
      current = undefined
      candidate = undefined
      for (const { slot } of retiring) cutSlot(slot)
      await retired()
    },
  }
}
