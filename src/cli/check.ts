import type { ConfigStore } from '../config/contract.ts'
import { TelemetryConfigError } from '../errors.ts'
import {
  type Command,
  type CommandContext,
  type ExitCode,
  exitCodes,
  fileError,
  numberOption,
  parse,
  usageError,
} from './command.ts'
import {
  configurationFile,
  fileOptions,
  fileOptionsHelp,
  openConfiguration,
} from './offline/configuration.ts'
import { type Finding, placeOf, positionsOf, problemFinding, warningFinding } from './offline/findings.ts'
import type { LiveResult } from './offline/live.ts'
import { plainText, type Terminal } from './terminal/terminal.ts'

interface Report {
  readonly file: string
  readonly ok: boolean
  readonly problems: readonly Finding[]
  /** The number of problems that are not listed. */
  readonly omitted: number
  readonly warnings: readonly Finding[]
  readonly exporters: readonly { readonly id: string; readonly type: string; readonly enabled: boolean }[]
  readonly live?: readonly LiveResult[]
}

/** Judges the file as the start of an application would. */
async function judge(store: ConfigStore, file: string): Promise<Report> {
  const positions = positionsOf(file)
  const report = { file, ok: true, problems: [], omitted: 0, exporters: [] }
  const warnings = () => store.status().warnings.map((text) => warningFinding(text, file, positions))
  try {
    const exporters = [...(await store.start()).values()]
    return {
      ...report,
      warnings: warnings(),
      exporters: exporters.map(({ id, type, config }) => ({ id, type, enabled: config.enabled !== false })),
    }
  } catch (error) {
    if (!(error instanceof TelemetryConfigError)) throw error
    if (error.code === 'CONFIG_FILE_MISSING' || error.code === 'CONFIG_FILE_UNREADABLE')
      throw fileError(error.message)
    const problems = error.problems.map((problem) => problemFinding(problem, file, positions))
    return { ...report, ok: false, problems, omitted: error.omitted, warnings: warnings() }
  }
}

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`

function printFindings({ print, paint }: Terminal, findings: readonly Finding[]): void {
  for (const finding of findings) {
    const level = finding.level === 'error' ? paint('red', 'error') : paint('yellow', 'warning')
    print(`${paint('bold', placeOf(finding))}: ${level}: ${plainText(finding.message)}`)
  }
}

function printReport(terminal: Terminal, report: Report): void {
  const { print, paint } = terminal
  const { file, problems, warnings, omitted, exporters, live = [] } = report
  printFindings(terminal, [...problems, ...warnings])
  if (omitted > 0) print(`and ${counted(omitted, 'more problem')}`)
  for (const { id, endpoint, result, message, ms } of live) {
    const marks = {
      ok: paint('green', 'ok'),
      failed: paint('red', 'failed'),
      skipped: paint('dim', 'skipped'),
    }
    const name = endpoint === undefined ? id : `${id}, endpoint ${endpoint}`
    print(`${name}: ${marks[result]}: ${plainText(message)}${ms === undefined ? '' : ` (${ms} ms)`}`)
  }
  const ids = exporters.map(({ id, enabled }) => (enabled ? id : `${id} (disabled)`)).join(', ')
  const verdict =
    problems.length > 0
      ? paint('red', counted(problems.length + omitted, 'problem'))
      : `${paint('green', 'valid')}, ${counted(exporters.length, 'exporter')}${ids === '' ? '' : `: ${ids}`}`
  print(`${file}: ${verdict}${warnings.length > 0 ? `; ${counted(warnings.length, 'warning')}` : ''}`)
}

async function run(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  const { values, positionals } = parse(args, {
    ...fileOptions,
    live: { type: 'boolean' },
    json: { type: 'boolean' },
    timeout: { type: 'string' },
  })
  if (positionals.length > 1) throw usageError('check takes one file')
  const timeout = numberOption('timeout', values.timeout, { fallback: 5, min: 0.1, max: 600 })
  const file = configurationFile(positionals[0])
  const store = await openConfiguration(file, values, context)
  try {
    const judged = await judge(store, file)
    let report = judged
    if (values.live && judged.ok) {
      const { tryEndpoints } = await import('./offline/live.ts')
      const results = await Promise.all(
        [...store.exporters().values()].map((exporter) => tryEndpoints(exporter, timeout * 1000)),
      )
      const live = results.flat().map((one) => ({ ...one, message: store.redactor.text(one.message) }))
      report = { ...judged, ok: live.every(({ result }) => result !== 'failed'), live }
    }
    if (values.json) context.terminal.print(JSON.stringify(report, undefined, 2))
    else printReport(context.terminal, report)
    if (!judged.ok) return exitCodes.problems
    return report.ok ? exitCodes.fine : exitCodes.unreachable
  } finally {
    await store.stop()
  }
}

/** `telemachine check`: says everything that is wrong with a configuration file, and with its destinations. */
export const check: Command = {
  help: `Usage: telemachine check [file] [options]

Reads a configuration file (TOML, or JSON by its name) with the environment of this shell, and reports each problem
and warning as file:line:column. Without a file: telemetry.toml or telemetry.json of this folder.

  --live             open each destination (each of several endpoints) too, and say what answered
  --timeout <s>      how long a destination may take; default 5
  --json             print one JSON document
${fileOptionsHelp}

Exit codes: 0 valid, 1 problems, 2 wrong usage or no such file, 3 a destination failed.`,
  run,
}
