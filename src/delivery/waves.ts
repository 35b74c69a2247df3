import type { BackendReport, ExportResult, WaveScope } from '../../machines/index.ts'
import { type Clock, elapsed } from '../clock.ts'
import type { Batch } from './batch.ts'
import type { Clients } from './clients.ts'
import type { Queue } from './queue.ts'
import type { RetryPolicies } from './retry-policies.ts'
import type { Ship } from './ship.ts'

/** Sends batches under one permit: a wave of those that are due, or a drain of everything. */
export interface Waves {
  /** Sends what is due, up to `max_in_flight` batches at once. Never rejects. */
  wave(scope: WaveScope, place: WavePlace): Promise<BackendReport>
  /**
   * One attempt for each batch; a probe must arrive before the rest is tried. With other endpoints it ends at the first
   * failure, and `patienceMs` is how long an attempt may take. Never rejects.
   */
  drain(
    options: WavePlace & { probe: boolean; timeLeftMs: () => number; patienceMs: number },
  ): Promise<BackendReport>
  /** Sends one batch that waits to an endpoint, beside the wave that runs. Never rejects. */
  probe(endpoint: number): Promise<BackendReport>
  /** The wave that runs takes what has become due. */
  goOn(): void
  /** A wave that waited for a file goes on with it, or without it. */
  resume(): void
  /** The permit is void: what is in flight finishes, and nothing more is taken. */
  end(): void
  /** More may be taken now. */
  readonly isTaking: boolean
}

/** Where a wave goes. */
export interface WavePlace {
  /** Index of the endpoint. */
  readonly endpoint: number
  /** Other endpoints may serve in its stead. */
  readonly others: boolean
}

/** How long a wave that filled its batches waits for the next one, so that high rates cost no chart step per batch. */
const lingerMs = 10

/** A wave reports after `max_in_flight` times this many batches at the latest. */
const roundsPerWave = 4

export function createWaves(options: {
  clock: Clock
  queue: Queue
  policies: RetryPolicies
  ship: Ship
  clients: Clients
  maxInFlight: () => number
  /** In [0, 1): jitter. */
  random: () => number
  /** A further batch should go now. */
  isDue: () => boolean
  /** Reads batches from disk. False: there are none, or they cannot be read now. */
  fetch: () => Promise<boolean>
  isFetching: () => boolean
  /** Called when no more batches are taken for a while. */
  onPause: () => void
}): Waves {
  const { clock, queue, policies, ship, clients, maxInFlight, random, isDue, fetch, isFetching, onPause } =
    options
  let goOn = (): void => {}
  let resume = (): void => {}
  let end = (): void => {}
  let round = 0
  let takers = 0

  /** Returns a function that says that it takes no more, and whether that is to be for a while. */
  const beginTaking = (): ((pauses: boolean) => void) => {
    let takes = true
    takers += 1
    return (pauses) => {
      if (!takes) return
      takes = false
      takers -= 1
      if (pauses && takers === 0) onPause()
    }
  }

  const reportOf = (results: readonly ExportResult[], { endpoint, others }: WavePlace): BackendReport => {
    // With one endpoint it is delivery that waits.
    const retryAfterMs = others ? policies.retryAfterMs(endpoint) : 0
    return { results, at: elapsed(clock), jitter: random(), ...(retryAfterMs > 0 && { retryAfterMs }) }
  }

  const wave = (scope: WaveScope, place: WavePlace): Promise<BackendReport> =>
    new Promise((resolve) => {
      const results: ExportResult[] = []
      let taken = 0
      let inFlight = 0
      let over = false
      let wasFull = false
      let timer: unknown
      const endTaking = beginTaking()

      const stop = (): void => {
        over = true
        endTaking(true)
      }
      const finish = (): void => {
        over = true
        endTaking(false)
        clock.clearTimeout(timer)
        resolve(reportOf(results, place))
      }
      const mayTake = (): boolean => {
        if (over || (scope === 'once' && results.length > 0)) return false
        if (scope === 'probe' ? taken > 0 : taken >= Math.max(maxInFlight(), 1) * roundsPerWave) return false
        return inFlight < (queue.requests.searching ? 1 : Math.max(maxInFlight(), 1))
      }
      const send = (batch: Batch): void => {
        taken += 1
        inFlight += 1
        void ship.send(batch, place.endpoint).then((result) => {
          results.push(result)
          inFlight -= 1
          if (result !== 'success' && result !== 'neutral') stop()
          takeMore()
        })
      }
      const takeMore = (): void => {
        while (mayTake() && (taken === 0 || isDue())) {
          wasFull = queue.full()
          const batch = ship.take()
          if (!batch) break
          send(batch)
        }
        clock.clearTimeout(timer)
        if (inFlight > 0 || (mayTake() && isFetching())) return
        if (taken > 0 && wasFull && mayTake()) timer = clock.setTimeout(finish, lingerMs)
        else finish()
      }
      goOn = () => {
        if (!over && isDue()) takeMore()
      }
      resume = () => {
        if (!over) takeMore()
      }
      end = () => {
        stop()
        if (inFlight === 0) finish()
      }
      takeMore()
    })

  const drain: Waves['drain'] = async ({ probe, timeLeftMs, patienceMs, ...place }) => {
    const results: ExportResult[] = []
    let over = false
    end = () => {
      over = true
    }
    round += 1
    const mayTake = (): boolean => timeLeftMs() > 0 && !over
    const one = async (): Promise<ExportResult | undefined> => {
      let batch = mayTake() ? ship.takeUntried(round) : undefined
      while (!batch && mayTake() && (await fetch())) batch = mayTake() ? ship.takeUntried(round) : undefined
      if (!batch) return undefined
      const result = await ship.send(batch, place.endpoint, Math.min(timeLeftMs(), patienceMs))
      results.push(result)
      if (place.others && (result === 'failure' || result === 'misdirected')) over = true
      return result
    }
    const worker = async (): Promise<void> => {
      while ((await one()) !== undefined);
    }
    if (probe) {
      let result = await one()
      while (result === 'cancelled' && ship.splitUnsent) result = await one()
      if (result !== 'success' && result !== 'neutral') return reportOf(results, place)
    }
    // In-flight attempts count against the limit, but one worker goes on, so that hung ones cannot block the drain.
    const underWay = clients.running()
    await Promise.all([
      ...Array.from({ length: Math.max((maxInFlight() || 1) - underWay.length, 1) }, worker),
      ...underWay.map((settled) => settled.then(worker)),
    ])
    return reportOf(results, place)
  }

  const begin = (): void => {
    end()
    goOn = () => {}
    resume = () => {}
    end = () => {}
  }

  return {
    wave(scope, place) {
      begin()
      policies.of(place.endpoint).beginWave()
      return wave(scope, place)
    },
    async probe(endpoint) {
      const place = { endpoint, others: true }
      const endTaking = beginTaking()
      let batch = ship.take()
      // The wave that runs beside it may have taken what was read.
      while (!batch && (await fetch())) batch = ship.take()
      endTaking(true)
      if (!batch) return reportOf([], place)
      policies.of(endpoint).beginWave()
      return reportOf([await ship.send(batch, endpoint)], place)
    },
    drain(drainOptions) {
      begin()
      const endTaking = beginTaking()
      return drain(drainOptions).finally(() => endTaking(true))
    },
    goOn: () => goOn(),
    resume: () => resume(),
    end: () => end(),
    get isTaking() {
      return takers > 0
    },
  }
}
