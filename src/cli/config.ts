import type { Explanation } from '../config/explain.ts'
import type { HistoryEntry } from '../control/recorder.ts'
import type { ConfigProblem } from '../errors.ts'
import {
  type Command,
  type CommandContext,
  CommandError,
  type ExitCode,
  exitCodes,
  parse,
  usageError,
  verbOf,
} from './command.ts'
import { keysNamed, readAssignments, readValue } from './key-arguments.ts'
import {
  type AdminClient,
  adminOptions,
  adminOptionsHelp,
  openAdminClient,
  refusalText,
} from './online/admin-client.ts'
import { formatTable } from './terminal/table.ts'
import { plainText, type Terminal } from './terminal/terminal.ts'

interface Subject {
  readonly client: AdminClient
  readonly terminal: Terminal
  readonly rest: readonly string[]
  readonly json: boolean
}

type Change = { readonly path: string; readonly oldValue?: unknown; readonly newValue?: unknown }

const shown = (value: unknown): string =>
  value === undefined ? 'none' : plainText(typeof value === 'string' ? value : JSON.stringify(value))

async function get({ client, terminal, rest, json }: Subject): Promise<ExitCode> {
  if (rest.length > 1) throw usageError('config get takes one key')
  const { status, body } = await client.ask('GET', 'config')
  if (status !== 200 || !Array.isArray(body)) throw failed({ status, body })
  const { named, one } = keysNamed(body as Explanation[], rest[0])
  if (named.length === 0) throw new CommandError(exitCodes.problems, `there is no key ${rest[0]}`)
  if (json) terminal.print(JSON.stringify(one ?? named, undefined, 2))
  // For scripts: the value and nothing else.
  else if (one) terminal.print(shown(one.value))
  else {
    const rows = named.map((each) => [each.path, shown(each.value), each.layer, each.from ?? each.source])
    for (const line of formatTable(['KEY', 'VALUE', 'LAYER', 'FROM'], rows, terminal.lineWidth()))
      terminal.print(line)
  }
  return exitCodes.fine
}

const putUsage = 'config put takes <key> <value>, or <key>=<value> several times'

/** Accepts `key=value` and `key value`. */
function readChanges(rest: readonly string[]): Record<string, unknown> {
  if (rest.length === 0) throw usageError(putUsage)
  return rest.length === 2 && !/^[\w.-]+=/.test(rest[0]!)
    ? { [rest[0]!]: readValue(rest[1]!) }
    : readAssignments(rest, putUsage)
}

const failed = (answer: { readonly status: number; readonly body: unknown }): CommandError =>
  new CommandError(exitCodes.unreachable, `the admin API failed: ${refusalText(answer)}`)

/** Prints what a change did, or why it was refused. */
function report(
  { terminal, json }: Subject,
  answer: { readonly status: number; readonly body: unknown },
): ExitCode {
  const { print, warn, paint } = terminal
  const { status, body } = answer
  if (json) print(JSON.stringify(body, undefined, 2))
  if (status === 200) {
    const { version, changes } = body as { version: number; changes: readonly Change[] }
    if (json) return exitCodes.fine
    for (const { path, oldValue, newValue } of changes)
      print(`${paint('bold', path)}: ${shown(oldValue)} → ${shown(newValue)}`)
    print(changes.length === 0 ? `nothing changed (version ${version})` : `in force (version ${version})`)
    return exitCodes.fine
  }
  if (status >= 500) throw failed(answer)
  if (json) return exitCodes.problems
  const { problems } = body as { problems?: readonly ConfigProblem[] }
  const texts = problems?.map(({ message }) => message) ?? []
  warn('telemachine: refused, nothing has changed')
  for (const text of texts.length > 0 ? texts : [refusalText(answer)]) warn(`  ${plainText(text)}`)
  return exitCodes.problems
}

async function put(subject: Subject): Promise<ExitCode> {
  return report(subject, await subject.client.ask('PATCH', 'config', readChanges(subject.rest)))
}

async function unset(subject: Subject): Promise<ExitCode> {
  const { rest, client } = subject
  if (rest.length !== 1) throw usageError('config unset takes one key')
  return report(subject, await client.ask('DELETE', `config/${encodeURIComponent(rest[0]!)}`))
}

async function history({ client, terminal, rest, json }: Subject): Promise<ExitCode> {
  if (rest.length > 0) throw usageError('config history takes no key')
  const answer = await client.ask('GET', 'status?history')
  const { history: entries } = answer.body as { history?: readonly HistoryEntry[] }
  if (answer.status !== 200 || entries === undefined) throw failed(answer)
  const changes = entries.filter(({ kind }) => kind === 'config')
  if (json) terminal.print(JSON.stringify(changes, undefined, 2))
  else if (changes.length === 0) terminal.print('no change since the start')
  else
    for (const { at, to, message = '' } of changes)
      terminal.print(`${new Date(at).toISOString()}  version ${to}  ${plainText(message)}`)
  return exitCodes.fine
}

const verbs: Readonly<Record<string, (subject: Subject) => Promise<ExitCode>>> = { get, put, unset, history }

async function run(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  const { values, positionals } = parse(args, { ...adminOptions, json: { type: 'boolean' } })
  const [name, address, ...rest] = positionals
  const verb = verbOf('config', verbs, name)
  const client = openAdminClient(address, values, context)
  return verb({ client, terminal: context.terminal, rest, json: values.json === true })
}

/** `telemachine config`: reads and changes the configuration of a running service. */
export const config: Command = {
  help: `Usage: telemachine config get <admin-url> [key]
       telemachine config put <admin-url> <key> <value>
       telemachine config put <admin-url> <key>=<value> …
       telemachine config unset <admin-url> <key>
       telemachine config history <admin-url>

Reads and changes the configuration of a running service. A value is read as JSON (512, true, null, ["a.*"]); what is
not JSON is a text. Several changes are one transaction: all of them, or none.

${adminOptionsHelp}
  --json               print one JSON document

Exit codes: 0 done, 1 refused or no such key, 2 wrong usage, 3 the admin API failed or refused the token.`,
  run,
}
