import type { ExporterConfig } from '../config/changes/plan.ts'
import type { ConfigStore } from '../config/contract.ts'
import { redactUrl } from '../config/presentation/redact.ts'
import { TelemetryConfigError } from '../errors.ts'
import {
  type Command,
  type CommandContext,
  CommandError,
  type ExitCode,
  exitCodes,
  fileError,
  parse,
  usageError,
} from './command.ts'
import {
  configurationFile,
  fileOptions,
  fileOptionsHelp,
  openConfiguration,
} from './offline/configuration.ts'
import { atEachEndpoint, destinationOf } from './offline/live.ts'

/**
 * A text inside the quotes of a Mermaid label. Mermaid reads Markdown there: `*` would be a list, and a URL a link, which
 * it cannot draw.
 */
const label = (text: string): string =>
  text.replace(/[^\w .,:/@()-]/g, (char) => `#${char.codePointAt(0)};`).replaceAll('://', ':#47;#47;')

/** Events, patterns, exporters and destinations as a Mermaid flowchart. */
export function mermaid(exporters: readonly ExporterConfig[], shown: (text: string) => string): string {
  const lines = ['flowchart LR', '  events(["emit"])']
  const patterns = new Map<string, string>()
  const destinations = new Map<string, string>()
  const disabled: string[] = []

  const nodeOf = (
    nodes: Map<string, string>,
    prefix: string,
    text: string,
    shape: (text: string) => string,
  ) => {
    const known = nodes.get(text)
    if (known !== undefined) return known
    const node = `${prefix}${nodes.size + 1}`
    nodes.set(text, node)
    lines.push(`  ${node}${shape(label(text))}`)
    if (prefix === 'pattern') lines.push(`  events --> ${node}`)
    return node
  }

  exporters.forEach((exporter, index) => {
    const { id, type, config } = exporter
    const node = `exporter${index + 1}`
    const isOn = config.enabled !== false
    const name = id === type ? id : `${id} (${type})`
    lines.push(`  ${node}["${label(isOn ? name : `${name}, disabled`)}"]`)
    if (!isOn) disabled.push(node)
    const arrow = isOn ? '-->' : '-.->'
    for (const pattern of config.event_patterns as readonly string[])
      lines.push(`  ${nodeOf(patterns, 'pattern', pattern, (text) => `{{"${text}"}}`)} ${arrow} ${node}`)
    for (const [endpoint, place] of atEachEndpoint(exporter).entries()) {
      const destination = destinationOf(place)
      if (destination === undefined) continue
      const target = nodeOf(destinations, 'destination', shown(destination), (text) => `[("${text}")]`)
      // A pull exporter is asked by its destination.
      if (exporter.definition.export === undefined)
        lines.push(`  ${target} ${isOn ? '-- "scraped" ---' : '-.-'} ${node}`)
      else {
        const fallback = endpoint === 0 ? '' : `|"fallback ${endpoint}"|`
        lines.push(`  ${node} ${arrow}${fallback} ${target}`)
      }
    }
  })
  if (disabled.length > 0) {
    lines.push('  classDef disabled stroke-dasharray: 4 4,opacity: 0.6')
    lines.push(`  class ${disabled.join(',')} disabled`)
  }
  return lines.join('\n')
}

async function started(store: ConfigStore, file: string): Promise<readonly ExporterConfig[]> {
  try {
    return [...(await store.start()).values()]
  } catch (error) {
    if (!(error instanceof TelemetryConfigError)) throw error
    if (error.code === 'CONFIG_FILE_MISSING') throw fileError(error.message)
    throw new CommandError(
      exitCodes.problems,
      `${error.message}; telemachine check ${file} lists what is wrong`,
    )
  }
}

async function run(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  const { values, positionals } = parse(args, fileOptions)
  if (positionals.length > 1) throw usageError('graph takes one file')
  const file = configurationFile(positionals[0])
  const store = await openConfiguration(file, values, context)
  try {
    const { text } = store.redactor
    context.terminal.print(mermaid(await started(store, file), (url) => text(redactUrl(url))))
    return exitCodes.fine
  } finally {
    await store.stop()
  }
}

/** `telemachine graph`: draws a configuration. */
export const graph: Command = {
  help: `Usage: telemachine graph [file] [options]

Prints a Mermaid flowchart of what a configuration file makes: patterns, exporters and destinations. GitHub and most
editors draw it inside a \`\`\`mermaid block. Without a file: telemetry.toml or telemetry.json of this folder.

${fileOptionsHelp}

Exit codes: 0 drawn, 1 the file is invalid, 2 wrong usage or no such file.`,
  run,
}
