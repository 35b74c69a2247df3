import type { Logger } from '../../logger.ts'
import type { ResolvedConfig } from '../judge.ts'
import { pathOf, shownName } from '../paths.ts'
import type { ReadDocument } from '../sources/document.ts'

/** A list of warnings has at most this many; the rest is counted. */
const maxWarnings = 20

/** Texts that were logged, so that each is logged once. Hostile changes make new ones without end. */
const maxRemembered = 1000

export interface Warnings {
  /** Replaces the warnings about one subject, such as the file, and logs those that are new. */
  about(subject: string, texts: readonly string[]): void
  /** Logs what is odd about a configuration that comes into force, as far as it is new. */
  announce(config: ResolvedConfig): void
  /** All there are, given what is in force. */
  list(config: ResolvedConfig): readonly string[]
}

const limited = (texts: readonly string[]): readonly string[] =>
  texts.length <= maxWarnings
    ? texts
    : [...texts.slice(0, maxWarnings), `and ${texts.length - maxWarnings} more warnings`]

const warningsOf = ({ system, exporters }: ResolvedConfig): string[] => [
  ...system.warnings,
  ...[...exporters.values()].flatMap(({ warnings }) => warnings),
]

/** Collects and logs warnings about a valid configuration. */
export function createWarnings(logger: Logger): Warnings {
  const bySubject = new Map<string, readonly string[]>()
  const logged = new Set<string>()

  const log = (texts: readonly string[]): void => {
    for (const text of limited(texts)) {
      if (logged.has(text)) continue
      if (logged.size >= maxRemembered) logged.clear()
      logged.add(text)
      logger.warn({}, text)
    }
  }

  return {
    about: (subject, texts) => {
      bySubject.set(subject, texts)
      log(texts)
    },
    announce: (config) => log(warningsOf(config)),
    list: (config) => limited([...[...bySubject.values()].flat(), ...warningsOf(config)]),
  }
}

const storeOptions: ReadonlySet<string> = new Set([
  ...['file', 'env', 'init', 'remote', 'types', 'clock', 'logger', 'status', 'apply'],
])

/** Returns a warning for each unknown option. The compiler finds them in TypeScript; JavaScript would ignore them silently. */
export function optionWarnings(options: object): string[] {
  return Object.keys(options)
    .filter((name) => !storeOptions.has(name))
    .map(
      (name) =>
        `config.${shownName(name)} is not an option: exporters belong into config.init, as in { config: { init: { ${shownName(name)}: { … } } } }`,
    )
}

/** Returns the warnings about a file. `types`: the names of the exporter types. */
export function fileWarnings(
  file: string,
  { tables, foreign }: ReadDocument,
  types: ReadonlySet<string>,
): string[] {
  const says = tables.exporters.size + tables.system.size > 0
  const misplaced = foreign.flatMap((name) => {
    // Also of a table "telemetry.otel", in quotes, or telemetry_otel.
    const meant = name.replace(/^telemetry[._-]/i, '')
    if (!types.has(meant)) return []
    return `${file}: [${shownName(name)}] is outside of telemetry and left alone; an exporter is [${pathOf(meant)}]`
  })
  return says || foreign.length === 0 || misplaced.length > 0
    ? misplaced
    : [`${file} says nothing about telemetry; an exporter is a table such as [${pathOf('otel')}]`]
}
