import type { Explanation } from '../config/explain.ts'
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
import { keysNamed } from './key-arguments.ts'
import {
  type FileOptions,
  fileOptions,
  fileOptionsHelp,
  isFileName,
  loadTypes,
  openConfiguration,
} from './offline/configuration.ts'
import { findKeys, isCommon, type KnownKey, knownKeys, nearestKey } from './offline/keys.ts'
import { formatTable } from './terminal/table.ts'
import { plainText, type Terminal } from './terminal/terminal.ts'

const changes = {
  hot: 'hot: in force at once, under the same client',
  rebuild: 'rebuild: a new client opens beside the old one, then takes its place; nothing is lost',
  replace: 'replace: the old client closes before the new one opens',
} as const

const shown = (value: unknown): string =>
  value === null || value === undefined ? 'none' : plainText(JSON.stringify(value))

function allowedValues({ choices, format, min, max }: KnownKey['key']): string {
  const bounds = [min !== undefined && `at least ${min}`, max !== undefined && `at most ${max}`].filter(
    Boolean,
  )
  const values = choices ? `one of ${choices.map((one) => JSON.stringify(one)).join(', ')}` : format
  return [values, ...bounds].join(', ')
}

/** The variables that set a key, strongest first. */
const variablesOf = ({ key }: KnownKey): string => [key.env, ...key.variables].join(', ')

function printKey({ print, paint }: Terminal, known: KnownKey): void {
  const { path, types, key } = known
  const owners = types.length === 0 ? 'telemachine itself' : `exporter type ${types.join(', ')}`
  const unit = key.unit !== undefined && key.default !== null ? ` ${key.unit}` : ''
  print(`${paint('bold', path)}  (${owners})`)
  print(`  ${key.doc.replaceAll('\n', ' ')}`)
  print(`  values       ${allowedValues(key)}${key.nullable ? ', or none' : ''}`)
  print(`  default      ${shown(key.default)}${unit}`)
  print(`  change       ${changes[key.change]}`)
  print(`  environment  ${variablesOf(known)}`)
  if (key.sensitive) print('  secret       shown as [redacted] everywhere')
}

function printAllKeys({ print, paint }: Terminal, keys: readonly KnownKey[]): void {
  const types = [...new Set(keys.flatMap((one) => one.types))]
  const list = (title: string, names: readonly string[]): void => {
    print(paint('bold', title))
    print(`  ${[...new Set(names)].join(', ')}`)
  }
  list(
    'telemetry',
    keys.filter((one) => one.types.length === 0).map(({ name }) => name),
  )
  list('every exporter, and those that push', keys.map(({ name }) => name).filter(isCommon))
  for (const type of types) {
    const own = keys.filter((one) => one.types.includes(type) && !isCommon(one.name))
    list(
      type,
      own.map(({ name }) => name),
    )
  }
}

const isGiven = ({ layer }: Explanation): boolean => layer !== 'default'
const originOf = ({ from, source }: Pick<Explanation, 'from' | 'source'>): string => from ?? source

function printValues({ print, lineWidth, paint }: Terminal, values: readonly Explanation[]): void {
  const rows = values.map((one) => [one.path, shown(one.value), one.layer, originOf(one)])
  for (const [index, line] of formatTable(['KEY', 'VALUE', 'LAYER', 'FROM'], rows, lineWidth()).entries())
    print(index === 0 ? paint('dim', line) : line)
}

function printValue({ print, paint }: Terminal, one: Explanation): void {
  const unit = one.unit !== undefined && one.value !== null ? ` ${one.unit}` : ''
  print(`${paint('bold', one.path)} = ${shown(one.value)}${unit}`)
  print(`  ${one.doc.replaceAll('\n', ' ')}`)
  print(`  from         ${one.layer}${isGiven(one) ? ` (${originOf(one)})` : ''}`)
  for (const { value, layer, ...rest } of one.shadows) {
    const origin = layer === 'default' ? layer : `${layer} (${originOf(rest)})`
    print(`  hides        ${shown(value)}, ${origin}`)
  }
  print(`  change       ${changes[one.change]}`)
}

async function explainFile(
  file: string,
  path: string | undefined,
  options: FileOptions & { readonly all?: boolean | undefined; readonly json?: boolean | undefined },
  context: CommandContext,
): Promise<ExitCode> {
  const { terminal } = context
  const store = await openConfiguration(file, options, context)
  try {
    await store.start()
    const { named, one } = keysNamed(store.explain(), path)
    if (named.length === 0)
      throw new CommandError(exitCodes.problems, `${file} makes no exporter and no key named ${path}`)
    const listed = one || options.all ? named : named.filter(isGiven)
    if (options.json) terminal.print(JSON.stringify(listed, undefined, 2))
    else if (one) printValue(terminal, one)
    else {
      printValues(terminal, listed)
      const hidden = named.length - listed.length
      if (hidden > 0) terminal.print(terminal.paint('dim', `and ${hidden} keys by default (--all)`))
    }
    return exitCodes.fine
  } catch (error) {
    if (!(error instanceof TelemetryConfigError)) throw error
    if (error.code === 'CONFIG_FILE_MISSING') throw fileError(error.message)
    const count = error.problems.length + error.omitted
    const others = count > 1 ? ` and ${count - 1} more` : ''
    throw new CommandError(
      exitCodes.problems,
      `${error.problems[0]?.message ?? error.message}${others}; telemachine check ${file} lists what is wrong`,
    )
  } finally {
    await store.stop()
  }
}

async function explainKeys(
  asked: string | undefined,
  options: FileOptions & { readonly json?: boolean | undefined },
  { terminal }: CommandContext,
): Promise<ExitCode> {
  const definitions = await loadTypes(options.types ?? [])
  const keys = await knownKeys(definitions)
  const found = asked === undefined ? keys : findKeys(keys, asked)
  if (found.length === 0) {
    const meant = nearestKey(keys, asked!)
    const hint = meant === undefined || meant === asked!.split('.').at(-1) ? '' : `: did you mean ${meant}?`
    const owner = /^(?:telemetry\.)?([^.]+)\../.exec(asked!)?.[1]
    const isType = definitions.some(({ type }) => type === owner)
    const advice =
      owner !== undefined && !isType
        ? `; ${owner} is no exporter type: name one of ${definitions.map(({ type }) => type).join(', ')}, or the file that has ${owner}: telemachine explain <file> ${asked}`
        : ''
    throw new CommandError(exitCodes.problems, `there is no key ${asked}${hint}${advice}`)
  }
  if (options.json) terminal.print(JSON.stringify(found, undefined, 2))
  else if (asked === undefined) printAllKeys(terminal, keys)
  else
    for (const [index, known] of found.entries()) {
      if (index > 0) terminal.print('')
      printKey(terminal, known)
    }
  return exitCodes.fine
}

async function run(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  const { values, positionals } = parse(args, {
    ...fileOptions,
    all: { type: 'boolean' },
    json: { type: 'boolean' },
  })
  if (positionals.length > 2) throw usageError('explain takes a key, or a file and a key')
  const [first, second] = positionals
  if (first !== undefined && isFileName(first)) return explainFile(first, second, values, context)
  // `explain <key> <file>` is just as clear.
  if (first !== undefined && second !== undefined && isFileName(second))
    return explainFile(second, first, values, context)
  if (second !== undefined) throw usageError(`${second} is not a configuration file (.toml or .json)`)
  return explainKeys(first, values, context)
}

/** `telemachine explain`: what a key means, or where the values of a file come from. */
export const explain: Command = {
  help: `Usage: telemachine explain                 list all keys
       telemachine explain <key>           what a key means: batch_size, otel.endpoint
       telemachine explain <file>          the values in force with this file and environment, and their layers
       telemachine explain <file> <key>    one of them, with what it hides

  --all              with a file: also keys that nothing sets
  --json             print one JSON document
${fileOptionsHelp}

Exit codes: 0 explained, 1 no such key or an invalid file, 2 wrong usage or no such file.`,
  run,
}
