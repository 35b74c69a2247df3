import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'

/** How long events may wait for a start before somebody should know. */
const startPatienceMs = 10_000

/** Variables that set exporters up in other libraries. */
const ecosystem = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'DD_API_KEY']

/** Says once what a newcomer would otherwise search for: why nothing is exported. */
export interface Hints {
  /** Something was emitted although telemetry was not started. */
  emittedBeforeStart(): void
  /** Started, with this many exporters. `warned`: the configuration has warned of something already. */
  started(exporters: number, warned: boolean): void
  /** Stopped, or it will never be started. */
  end(): void
}

export function createHints({
  clock,
  logger,
  env,
}: {
  clock: Clock
  logger: Logger
  env: Readonly<Record<string, string | undefined>>
}): Hints {
  let timer: unknown
  let waits = false

  const cancel = (): void => {
    if (timer !== undefined) clock.clearTimeout(timer)
    timer = undefined
  }

  return {
    emittedBeforeStart() {
      if (waits) return
      waits = true
      timer = clock.setTimeout(() => {
        timer = undefined
        logger.warn({}, 'events wait for telemetry.start(), which has not been called or has not finished')
      }, startPatienceMs)
    },
    started(exporters, warned) {
      waits = true
      cancel()
      if (exporters > 0 || warned) return
      const set = ecosystem.filter((name) => env[name])
      const because =
        set.length > 0
          ? `; ${set.join(' and ')} configures an exporter but creates none`
          : ', so that nothing is exported'
      logger.warn(
        {},
        `no exporter is configured${because}. Name one, for example { config: { init: { otel: {} } } } or a table [telemetry.otel] in the file`,
      )
    },
    end() {
      waits = true
      cancel()
    },
  }
}
