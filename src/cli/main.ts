import { messageOf } from '../errors.ts'
import { version } from '../version.ts'
import { type Command, CommandError, type ExitCode, exitCodes } from './command.ts'
import { createTerminal, plainText } from './terminal/terminal.ts'

/** Each command is loaded when it is used. */
const commands: Readonly<Record<string, { readonly summary: string; load(): Promise<Command> }>> = {
  check: {
    summary: 'check a configuration file, and with --live its destinations',
    load: async () => (await import('./check.ts')).check,
  },
  explain: {
    summary: 'say what a key means, or where the values of a file come from',
    load: async () => (await import('./explain.ts')).explain,
  },
  graph: {
    summary: 'draw exporters, patterns and destinations as a Mermaid chart',
    load: async () => (await import('./graph.ts')).graph,
  },
  top: {
    summary: 'watch rates, queues, breakers and drops of a running service',
    load: async () => (await import('./top.ts')).top,
  },
  tap: {
    summary: 'print live events of a running service as JSON lines',
    load: async () => (await import('./tap.ts')).tap,
  },
  config: {
    summary: 'read and change the configuration of a running service',
    load: async () => (await import('./config.ts')).config,
  },
  fleet: {
    summary: 'show and change the configuration that a fleet shares on NATS',
    load: async () => (await import('./fleet/fleet.ts')).fleet,
  },
  gateway: {
    summary: 'send telemetry from a stream on NATS to a backend',
    load: async () => (await import('./gateway.ts')).gateway,
  },
}

const help = `Usage: telemachine <command> [arguments]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(9)}${summary}`)
  .join('\n')}

  telemachine <command> --help   what the command takes
  telemachine --version

Exit codes: 0 all is well, 1 problems or a refused change, 2 wrong usage, 3 a destination or the admin API failed.`

/** The command ends itself after a signal. */
let isWaitedFor = false

const isHelp = (word: string | undefined): boolean => word === '--help' || word === '-h'

async function run(args: readonly string[], signal: AbortSignal): Promise<ExitCode> {
  const { env, stdin: input, stdout: output, stderr: errors } = process
  const terminal = createTerminal(env, { input, output, errors })
  const [first, ...rest] = args
  if (first === undefined) {
    terminal.warn(help)
    return exitCodes.usage
  }
  if (isHelp(first) || (first === 'help' && rest.length === 0)) {
    terminal.print(help)
    return exitCodes.fine
  }
  if (first === '--version' || first === '-v') {
    terminal.print(version)
    return exitCodes.fine
  }
  const name = first === 'help' ? rest[0]! : first
  const known = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (known === undefined) {
    terminal.warn(
      `telemachine: there is no command ${plainText(name)}; the commands are ${Object.keys(commands).join(', ')}`,
    )
    return exitCodes.usage
  }
  try {
    const command = await known.load()
    if (first === 'help' || rest.slice(0, endOfOptions(rest)).some(isHelp)) {
      terminal.print(command.help)
      return exitCodes.fine
    }
    isWaitedFor = command.keepsRunning === true
    return await command.run(rest, { terminal, env, signal })
  } catch (error) {
    // Ctrl-C explains itself, and so does a reader that left.
    if (signal.aborted) return exitCodes.interrupted
    const more = error instanceof CommandError && error.helpful ? ` (telemachine ${name} --help)` : ''
    terminal.warn(`telemachine: ${plainText(messageOf(error))}${more}`)
    return error instanceof CommandError ? error.exitCode : exitCodes.problems
  }
}

const endOfOptions = (args: readonly string[]): number => {
  const end = args.indexOf('--')
  return end < 0 ? args.length : end
}

const interruptMs = 200
const ended = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => ended.abort())
// The reader of a pipe has what it wants: `telemachine tap … | head`.
process.stdout.on('error', () => ended.abort())
process.stderr.on('error', () => {})
// A stack says nothing to a user.
process.on('uncaughtException', (error) => {
  process.stderr.write(`telemachine: ${plainText(messageOf(error))}\n`)
  process.exit(exitCodes.problems)
})

const drained = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) resolve()
    else stream.write('', () => resolve())
  })

/** Commands that follow something end themselves; for the others an interrupted wait is over soon after. */
const interrupted = new Promise<ExitCode>((resolve) => {
  ended.signal.addEventListener('abort', () => {
    if (!isWaitedFor) setTimeout(resolve, interruptMs, exitCodes.interrupted)
  })
})

// The library's own connections and timers let a process end, which here would end a command without its result.
setInterval(() => {}, 2 ** 30)

Promise.race([run(process.argv.slice(2), ended.signal), interrupted]).then(async (code) => {
  // Open connections must not keep the shell waiting; unwritten output must.
  await Promise.all([drained(process.stdout), drained(process.stderr)])
  process.exit(code)
})
