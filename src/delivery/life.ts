import {
  defaultRestartPolicy,
  type FenceReport,
  rememberCrash,
  type UnitPort,
  type WaveReport,
  type WaveScope,
} from '../../machines/index.ts'
import { type Clock, elapsed } from '../clock.ts'
import type { Config } from '../exporters/exporter.ts'
import type { Clients } from './clients.ts'
import type { Configuration } from './configuration.ts'
import type { ErrorLog } from './error-log.ts'
import type { Pipeline } from './pipeline.ts'
import { backoffMs } from './retry.ts'
import type { WavePlace } from './waves.ts'

/** One life of the exporter's actors: what their charts command, and the work their invoked actors wait for. */
export interface UnitLife extends UnitPort {
  /** Rejects with an OpenFailure. */
  open(signal: AbortSignal): Promise<void>
  prepare(signal: AbortSignal, effect: 'rebuild' | 'replace'): Promise<void>
  exportWave(scope: WaveScope, place: WavePlace): Promise<WaveReport>
  exportProbe(endpoint: number): Promise<WaveReport>
  drain(probe: boolean, withinMs: number, place: WavePlace): Promise<WaveReport>
  retire(): Promise<void>
  close(): Promise<void>
  /** After a crash: ends the attempts of the dead actors and closes their clients. */
  fence(): Promise<FenceReport>
}

/** The lives of one exporter's actors: a crash ends one and begins the next. */
export interface Lives {
  /** The port of a life; calls through the port of an earlier one change nothing. */
  begin(epoch: number): UnitLife
  noteCrash(error: unknown): void
}

/** Gives the charts their commands over one exporter's pipeline and clients. */
export function createLives(options: {
  id: string
  pulled: boolean
  clock: Clock
  /** In [0, 1): jitter. */
  random: () => number
  configuration: Configuration
  clients: Clients
  pipeline: Pipeline
  errors: ErrorLog
  /** Takes over what waits in the bus. */
  catchUp: () => void
  subscribe: () => void
  unsubscribe: () => void
  /** Another configuration is in force. */
  configured: (before: Config) => void
  announceDrops: () => void
  abandon: (reason: 'disabled' | 'shutdown') => void
}): Lives {
  const { id, pulled, clock, random, configuration, clients, pipeline, errors } = options
  const { queue, waves, policies, flushes, doorbell, intake } = pipeline
  let openFailures = 0
  let crashes: readonly number[] = []
  let latestLife = 0

  const config = (): Config => configuration.inForce().config

  const begin = (epoch: number): UnitLife => {
    // Its failover chart, too, takes the primary to serve until it has heard of the breakers.
    if (epoch > latestLife) policies.serve(0)
    latestLife = Math.max(latestLife, epoch)
    waves.end()
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
        policies.override()
        queue.hurry()
        waves.goOn()
      }),
      endWave: only(waves.end),
      failFlush: only(() => flushes.fail()),
      serve: only((endpoint) => {
        policies.serve(endpoint)
        queue.hurry()
        queue.requests.forget()
      }),
      subscribe: only(options.subscribe),
      unsubscribe: only(options.unsubscribe),
      swap: only(() => {
        clients.swap()
        policies.reset(clients.current?.members.length ?? 1)
        queue.hurry()
        queue.requests.forget()
        doorbell.yieldOnce()
        openFailures = 0
      }),
      discard: only(() => clients.discard()),
      commit: only(() => {
        // Events emitted before a change belong to the configuration that was in force then.
        options.catchUp()
        const before = config()
        if (configuration.commit()) options.configured(before)
      }),
      abort: only(() => configuration.abort()),
      tick: only(() => {
        pipeline.tick(config())
        options.announceDrops()
      }),
      cut: only(() => clients.cut()),
      abandon: only(options.abandon),
      forgive: only(() => {
        crashes = []
      }),
      noteError: only(errors.note),

      open: works(async (signal) => {
        try {
          await clients.open(configuration.inForce(), signal)
          openFailures = 0
        } catch (error) {
          openFailures += 1
          throw Object.assign(errors.redacted(error), { retryInMs: backoffMs(openFailures, random()) })
        }
      }),
      prepare: works((signal, effect) =>
        clients.prepare(configuration.next(), signal, effect).catch((error) => {
          throw errors.redacted(error)
        }),
      ),
      exportWave: works(async (scope, place) => {
        const report = await waves.wave(scope, place)
        const { results } = report
        const failed = results.includes('misdirected') || (scope === 'probe' && results.includes('failure'))
        // A flush asks a backend that is down for one probe, and sends no second batch to a wrong address.
        if (failed && !place.others) flushes.fail()
        return report
      }),
      exportProbe: works((endpoint) => waves.probe(endpoint)),
      drain: works(async (probe, withinMs, place) => {
        options.catchUp()
        intake.tick('flush')
        const deadline = elapsed(clock) + withinMs
        // A batch that hangs at an old destination must come back while there is time to send it to the current one.
        clients.hurryOthers(withinMs / 2, place.endpoint)
        const report = await waves.drain({
          ...place,
          probe,
          timeLeftMs: () => deadline - elapsed(clock),
          // An endpoint that hangs leaves time for another one.
          patienceMs: place.others ? withinMs / 2 : withinMs,
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
    begin,
    noteCrash(error) {
      errors.note(error)
      crashes = rememberCrash(crashes, elapsed(clock), defaultRestartPolicy)
    },
  }
}
