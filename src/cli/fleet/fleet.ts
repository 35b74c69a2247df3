import { readFile } from 'node:fs/promises'
import { messageOf, TelemetryError } from '../../errors.ts'
import { type Fleet, openFleet, type PutOptions } from '../../nats/fleet/fleet.ts'
import {
  type Command,
  type CommandContext,
  CommandError,
  type ExitCode,
  exitCodes,
  fileError,
  parse,
  usageError,
  verbOf,
} from '../command.ts'
import { readAssignments } from '../key-arguments.ts'
import { natsOptions, natsOptionsHelp, natsServers } from '../nats-options.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { printHistory, printRollout, printStatus } from './print.ts'

const options = {
  ...natsOptions,
  json: { type: 'boolean' },
  'if-revision': { type: 'string' },
  wait: { type: 'string' },
  canary: { type: 'string' },
  file: { type: 'string' },
  unset: { type: 'string', multiple: true },
  replicas: { type: 'string' },
} as const

interface Subject {
  readonly fleet: Fleet
  readonly terminal: Terminal
  readonly rest: readonly string[]
  readonly values: ReturnType<typeof parse<typeof options>>['values']
  readonly signal: AbortSignal
}

/** `5s`, `500ms`, or seconds without a unit; in milliseconds. */
function readDuration(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? []
  const ms = Number(amount) * { ms: 1, s: 1000, m: 60_000 }[unit as 's']
  if (ms <= 3_600_000) return ms
  throw usageError(`--wait must be a time such as 5s or 500ms, at most 60m (got ${JSON.stringify(text)})`)
}

function readPart(text: string): number {
  const [, amount] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? []
  const part = Number(amount) / 100
  if (part > 0 && part <= 1) return part
  throw usageError(`--canary must be a part of the nodes such as 10% (got ${JSON.stringify(text)})`)
}

function readCount(name: string, text: string, min: number): number {
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (count >= min) return count
  throw usageError(`${name} must be a whole number of at least ${min} (got ${JSON.stringify(text)})`)
}

const putOptions = ({ values, signal }: Subject): PutOptions => ({
  signal,
  ...(values['if-revision'] !== undefined && {
    ifRevision: readCount('--if-revision', values['if-revision'], 0),
  }),
  ...(values.wait !== undefined && { waitMs: readDuration(values.wait) }),
  ...(values.canary !== undefined && { canary: readPart(values.canary) }),
})

async function readDocument(file: string): Promise<Record<string, unknown>> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw fileError(`${file} cannot be read: ${messageOf(error)}`)
  }
  try {
    const document: unknown = JSON.parse(text)
    if (typeof document === 'object' && document !== null && !Array.isArray(document))
      return document as Record<string, unknown>
  } catch (error) {
    throw fileError(`${file} is not JSON: ${messageOf(error)}`)
  }
  throw fileError(`${file} must have a JSON object`)
}

async function put(subject: Subject): Promise<ExitCode> {
  const { fleet, rest, values, terminal } = subject
  const { file, unset = [] } = values
  if (file !== undefined) {
    if (rest.length + unset.length > 0) throw usageError('fleet put takes either --file or changes of keys')
    return printRollout(terminal, await fleet.replace(await readDocument(file), putOptions(subject)), values)
  }
  const changes = readAssignments(rest, 'fleet put takes <key>=<value>, several times')
  if (rest.length + unset.length === 0)
    throw usageError('fleet put takes <key>=<value>, --unset <key> or --file <document>')
  return printRollout(terminal, await fleet.put({ put: changes, unset }, putOptions(subject)), values)
}

async function rollback(subject: Subject): Promise<ExitCode> {
  const { fleet, rest, values, terminal } = subject
  if (rest.length > 1) throw usageError('fleet rollback takes one revision, or none')
  const revision = rest[0] === undefined ? undefined : readCount('the revision', rest[0], 1)
  return printRollout(terminal, await fleet.rollback(revision, putOptions(subject)), values)
}

async function status({ fleet, rest, values, terminal }: Subject): Promise<ExitCode> {
  if (rest.length > 0) throw usageError('fleet status takes no arguments')
  return printStatus(terminal, await fleet.status(), values)
}

async function history({ fleet, rest, values, terminal }: Subject): Promise<ExitCode> {
  if (rest.length > 0) throw usageError('fleet history takes no arguments')
  return printHistory(terminal, await fleet.history(), values)
}

async function init({ fleet, rest, values, terminal }: Subject): Promise<ExitCode> {
  if (rest.length > 0) throw usageError('fleet init takes no arguments')
  const { replicas } = values
  const made = await fleet.init({
    replicas: replicas === undefined ? undefined : readCount('--replicas', replicas, 1),
  })
  terminal.print(made.length === 0 ? 'the buckets exist' : `made ${made.join(', ')}`)
  return exitCodes.fine
}

const verbs: Readonly<Record<string, (subject: Subject) => Promise<ExitCode>>> = {
  ...{ status, put, rollback, history, init },
}

/** Returns the exit code for an error of the fleet. */
function exitCodeOf(error: unknown): ExitCode | undefined {
  if (!(error instanceof TelemetryError)) return undefined
  switch (error.code) {
    case 'NATS_OPTION_INVALID':
    case 'NATS_PACKAGE_MISSING':
      return exitCodes.usage
    case 'NATS_UNREACHABLE':
    case 'NATS_REFUSED':
      return exitCodes.unreachable
    default:
      return exitCodes.problems
  }
}

async function run(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  const { values, positionals } = parse(args, options)
  const [name, ...rest] = positionals
  const verb = verbOf('fleet', verbs, name)
  const { terminal, signal } = context
  const { bucket, key, stream } = values
  let fleet: Fleet | undefined
  try {
    fleet = await openFleet({ ...natsServers(values, context), bucket, key, stream })
    return await verb({ fleet, terminal, rest, values, signal })
  } catch (error) {
    const code = exitCodeOf(error)
    throw code === undefined ? error : new CommandError(code, messageOf(error))
  } finally {
    await fleet?.close()
  }
}

/** `telemachine fleet`: the configuration that a fleet shares on NATS. */
export const fleet: Command = {
  help: `Usage: telemachine fleet status
       telemachine fleet put <key>=<value> … [--unset <key>] [--if-revision <n>] [--wait 5s] [--canary 10%]
       telemachine fleet put --file <document.json>
       telemachine fleet rollback [revision]
       telemachine fleet history
       telemachine fleet init [--replicas <n>]

Shows and changes the configuration that a fleet shares on NATS. A value is read as JSON; what is not JSON is a text. A
change is reported by each node. If a node refuses it, or a circuit breaker opens that belongs to an exporter which the
change reconnects, the previous document is put back, unless somebody else has changed it meanwhile.

  --if-revision <n>    only if n is the latest revision
  --wait <time>        how long nodes may take to report; default 5s, 0 waits for none
  --canary <part>      let this part of the nodes try it first, such as 10%
${natsOptionsHelp}
  --json               print one JSON document

Exit codes: 0 in force, 1 refused, rolled back or not reported by every node, 2 wrong usage, 3 NATS failed or refused.`,
  run,
}
