import { once } from 'node:events'
import { createInterface } from 'node:readline'
import {
  type Command,
  type CommandContext,
  CommandError,
  type ExitCode,
  exitCodes,
  numberOption,
  parse,
  usageError,
} from './command.ts'
import { adminOptions, adminOptionsHelp, openAdminClient } from './online/admin-client.ts'

const maxRate = 1000

/** The number of events left out, if a line says that instead of holding an event. */
function skippedIn(line: string): number | undefined {
  if (!line.startsWith('{"skipped":')) return undefined
  const { skipped } = JSON.parse(line) as { skipped?: number }
  return skipped
}

async function run(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  const { values, positionals } = parse(args, {
    ...adminOptions,
    rate: { type: 'string' },
    count: { type: 'string' },
  })
  const [address, ...given] = positionals
  const patterns = given.length === 0 ? ['*'] : given
  const rate = numberOption('rate', values.rate, { fallback: 100, min: 1, max: maxRate })
  const count = numberOption('count', values.count, { fallback: Number.POSITIVE_INFINITY, min: 1, max: 1e9 })
  if (!Number.isInteger(rate)) throw usageError('--rate must be a whole number')
  const client = openAdminClient(address, values, context)
  const { terminal, signal } = context
  const query = new URLSearchParams({ rate: String(rate) })
  for (const pattern of patterns) query.append('pattern', pattern)
  const response = await client.stream(`tap?${query}`, signal)
  let printed = 0
  let failure: unknown
  response.on('error', (error) => {
    failure ??= error
  })
  const lines = createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })
  try {
    for await (const line of lines) {
      if (signal.aborted) break
      if (line === '') continue
      const skipped = skippedIn(line)
      if (skipped !== undefined) {
        terminal.warn(`telemachine: ${skipped} events were skipped, beyond ${rate} a second (--rate)`)
        continue
      }
      // A slow reader of ours must not make us collect what we print.
      const hasRoom = terminal.output.write(`${line}\n`)
      if (hasRoom === false) await writable(context)
      printed += 1
      if (printed >= count) return exitCodes.fine
    }
  } catch (error) {
    failure = error
  }
  if (signal.aborted) return exitCodes.fine
  const why = failure === undefined ? 'the service ended it' : 'the connection broke'
  throw new CommandError(exitCodes.unreachable, `the tap at ${client.name} ended: ${why}`)
}

async function writable({ terminal, signal }: CommandContext): Promise<void> {
  await once(terminal.output as NodeJS.WriteStream, 'drain', { signal }).catch(() => {})
}

/** `telemachine tap`: live events of a running service. */
export const tap: Command = {
  help: `Usage: telemachine tap <admin-url> [glob …] [options]

Prints events as they are emitted, one JSON document a line: name, time, measurements, metadata, and the ids of the
span around it. Secrets of the configuration are [redacted]; texts are cut at 1,000 characters. Quote the glob. Skipped
events are counted on stderr, at most once a second. Ends with Ctrl-C.

  --rate <n>           events a second at most, 1 to ${maxRate}; default 100
  --count <n>          end after this many events
${adminOptionsHelp}

Exit codes: 0 ended by you, 2 wrong usage, 3 the admin API failed, refused the token, or ended the stream.`,
  run,
}
