import type { Clock } from './clock.ts'
import { shownName } from './config/paths.ts'
import type { TelemetryOptions } from './contract.ts'
import type { Logger } from './logger.ts'

/** How long events may wait for `start()` before a warning is logged. */
const startPatienceMs = 10_000

/** Environment variables that configure exporters, of telemachine or of other libraries. */
const setsUp =
  /^(?:OTEL_EXPORTER_OTLP_(?:TRACES_)?ENDPOINT|DD_API_KEY|TELEMETRY_(?:\w+_)?(?:ENDPOINT|API_KEY|ENABLED|PORT))$/

const known: Readonly<Record<keyof TelemetryOptions, true>> = {
  ...{ types: true, config: true, clock: true, logger: true, inspect: true },
  ...{ drainOnExit: true, bufferSize: true },
}

const ofConfig: ReadonlySet<string> = new Set(['file', 'env', 'init', 'remote'])

/** Returns a warning for each unknown option. The compiler finds them in TypeScript; JavaScript would ignore them silently. */
function unknownOptions(options: object): string[] {
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(known, name))
  return unknown.map((name) => {
    const right = ofConfig.has(name)
      ? `it belongs in config, as in { config: { ${name}: … } }`
      : 'types of exporters are { types: […] }, and an exporter is a table, as in { config: { init: { otel: { … } } } }'
    return `createTelemetry has no option ${shownName(name)}: ${right}`
  })
}

/** Logs, once, why nothing is exported: the questions of a first use. */
export interface Hints {
  /** Something was emitted although telemetry was not started. */
  emittedBeforeStart(): void
  /** Started, with this many exporters. `warned`: the configuration has warned of something already. */
  started(exporters: number, warned: boolean): void
  /** The process has nothing left to do. */
  processEnds(): void
  /** Stopped, or it will never be started. */
  end(): void
}

export function createHints({
  clock,
  logger,
  options,
}: {
  clock: Clock
  logger: Logger
  options: TelemetryOptions
}): Hints {
  let timer: unknown
  let waits = false

  const unknown = unknownOptions(options)
  for (const text of unknown) logger.warn({}, text)

  const cancel = (): void => {
    if (timer !== undefined) clock.clearTimeout(timer)
    timer = undefined
  }
  const askForStart = (): void => {
    cancel()
    logger.warn(
      {},
      'events wait for telemetry.start(), which has not been called or has not finished: await it once, before or after the first events',
    )
  }

  return {
    emittedBeforeStart() {
      if (waits) return
      waits = true
      try {
        timer = clock.setTimeout(askForStart, startPatienceMs)
      } catch {
        // Within an emit: a clock that fails costs this hint alone.
      }
    },
    started(exporters, warned) {
      waits = true
      cancel()
      if (exporters > 0 || warned || unknown.length > 0) return
      const env = options.config?.env ?? process.env
      const set = Object.keys(env).filter((name) => env[name] && setsUp.test(name))
      const because =
        set.length > 0
          ? `: variables such as ${set[0]} configure an exporter but create none`
          : ', so that nothing is exported'
      logger.warn(
        {},
        `no exporter is configured${because}. Name one, for example { config: { init: { otel: {} } } } or a table [telemetry.otel] in the file`,
      )
    },
    processEnds() {
      if (timer !== undefined) askForStart()
    },
    end() {
      waits = true
      cancel()
    },
  }
}
