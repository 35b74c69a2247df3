import { setTimeout as delay } from 'node:timers/promises'
import type { TelemetryStatus } from '../status.ts'
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
import { type AdminClient, adminOptions, adminOptionsHelp, openAdminClient } from './online/admin-client.ts'
import { createRates, type SystemView } from './online/rates.ts'
import { openScreen } from './terminal/screen.ts'
import { plainLines, renderTop } from './top-view.ts'

async function readStatus(client: AdminClient): Promise<TelemetryStatus> {
  const { status, body } = await client.ask('GET', 'status')
  const given = body as Partial<TelemetryStatus>
  if (status === 200 && given.exporters !== undefined && given.bus !== undefined)
    return given as TelemetryStatus
  throw new CommandError(
    exitCodes.unreachable,
    `${client.name} answered HTTP ${status}, but not as an admin API does; check the address and its path`,
  )
}

interface Watched {
  readonly client: AdminClient
  readonly context: CommandContext
  readonly intervalMs: number
}

/** Pauses; returns at once when the command is to end. */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => {})

/** Redraws the terminal until a key or a signal ends it. A service that is gone may come back. */
async function watch({ client, context, intervalMs }: Watched): Promise<ExitCode> {
  const { terminal } = context
  const rates = createRates()
  const ended = new AbortController()
  const signal = AbortSignal.any([context.signal, ended.signal])
  // Before the first answer an error ends the command on the plain terminal.
  let view: SystemView = rates.add(await readStatus(client), Date.now(), performance.now())
  let trouble: string | undefined
  const lines = (): string[] => {
    const look = { paint: terminal.paint, columns: terminal.columns(), rows: terminal.rows() - 1 }
    const foot =
      trouble === undefined
        ? terminal.paint('dim', 'q ends')
        : terminal.paint('red', trouble.slice(0, look.columns))
    return [...renderTop(view, client.name, look), foot]
  }
  const screen = openScreen(terminal, lines, () => ended.abort())
  try {
    for (;;) {
      screen.draw()
      await pause(intervalMs, signal)
      if (signal.aborted) return exitCodes.fine
      try {
        view = rates.add(await readStatus(client), Date.now(), performance.now())
        trouble = undefined
      } catch (error) {
        trouble = (error as Error).message
      }
    }
  } finally {
    screen.close()
  }
}

/** Prints lines for a file or a pipe until the reader leaves, a signal ends it, or the service is gone. */
async function follow({ client, context, intervalMs }: Watched): Promise<ExitCode> {
  const { terminal, signal } = context
  const rates = createRates()
  rates.add(await readStatus(client), Date.now(), performance.now())
  for (;;) {
    await pause(intervalMs, signal)
    if (signal.aborted) return exitCodes.fine
    const view = rates.add(await readStatus(client), Date.now(), performance.now())
    for (const line of plainLines(view)) terminal.print(line)
  }
}

/** Prints the view once, with the rates of one interval. */
async function look({ client, context, intervalMs }: Watched): Promise<ExitCode> {
  const { terminal, signal } = context
  const rates = createRates()
  rates.add(await readStatus(client), Date.now(), performance.now())
  await pause(intervalMs, signal)
  if (signal.aborted) return exitCodes.fine
  const view = rates.add(await readStatus(client), Date.now(), performance.now())
  const size = { columns: terminal.columns(), rows: Number.POSITIVE_INFINITY }
  for (const line of renderTop(view, client.name, { paint: terminal.paint, ...size })) terminal.print(line)
  return exitCodes.fine
}

async function run(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  const { values, positionals } = parse(args, {
    ...adminOptions,
    interval: { type: 'string' },
    once: { type: 'boolean' },
  })
  if (positionals.length > 1) throw usageError('top takes one admin URL')
  const interval = numberOption('interval', values.interval, { fallback: 1, min: 0.1, max: 3600 })
  const client = openAdminClient(positionals[0], values, context)
  const watched: Watched = { client, context, intervalMs: interval * 1000 }
  const show = values.once ? look : context.terminal.interactive ? watch : follow
  try {
    return await show(watched)
  } catch (error) {
    // Ended in the middle of a request.
    if (context.signal.aborted) return exitCodes.fine
    throw error
  }
}

/** `telemachine top`: watches the exporters of a running service. */
export const top: Command = {
  help: `Usage: telemachine top <admin-url> [options]

Shows the exporters of a running service, worst first: state, circuit breaker, events a second, queue, drops by reason,
last error. Redraws a terminal until q or Ctrl-C; into a pipe or a file it prints a line for each exporter and interval.

  --once               print the view once, with the rates of one interval
  --interval <s>       default 1
${adminOptionsHelp}

Colours: NO_COLOR, FORCE_COLOR. Width without a terminal: COLUMNS.
Exit codes: 0 ended by you, 2 wrong usage, 3 the admin API failed or refused the token.`,
  run,
}
