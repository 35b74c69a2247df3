import { type ParseArgsConfig, parseArgs } from 'node:util'
import type { Terminal } from './terminal/terminal.ts'

/** Exit codes of commands; documented in docs/command.md. */
export const exitCodes = {
  /** All is well. */
  fine: 0,
  /** The configuration has problems, or a change was refused. */
  problems: 1,
  /** The arguments, or a file that they name, cannot be used. */
  usage: 2,
  /** A destination or the admin API did not answer, or refused the credentials. */
  unreachable: 3,
  /** A signal ended the command before it was done. */
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The parts of its process that a command may use. */
export interface CommandContext {
  readonly terminal: Terminal
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted by Ctrl-C, or when the output is no longer read. */
  readonly signal: AbortSignal
}

export interface Command {
  readonly help: string
  /** It ends itself after a signal, and is waited for. */
  readonly keepsRunning?: boolean
  run(args: readonly string[], context: CommandContext): Promise<ExitCode>
}

/** Ends a command with one line on stderr. */
export class CommandError extends Error {
  readonly exitCode: ExitCode
  /** The help of the command says what would be right. */
  readonly helpful: boolean
  constructor(exitCode: ExitCode, message: string, { helpful = false } = {}) {
    super(message)
    this.exitCode = exitCode
    this.helpful = helpful
  }
}

export const usageError = (message: string): CommandError =>
  new CommandError(exitCodes.usage, message, { helpful: true })

/** A file that an argument names cannot be used. */
export const fileError = (message: string): CommandError => new CommandError(exitCodes.usage, message)

type Options = NonNullable<ParseArgsConfig['options']>

/** Parses arguments. @throws CommandError for one that the command does not have. */
export function parse<const Given extends Options>(args: readonly string[], options: Given) {
  const exposed = args.find((arg) => /^--token(=|$)/.test(arg))
  if (exposed !== undefined) {
    throw usageError(
      '--token does not exist, because every user of a machine can read arguments: set TELEMACHINE_TOKEN, or use --token-file <file>',
    )
  }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    // Node's second sentence explains how to pass such a word as a positional argument.
    const [sentence = ''] = (error as Error).message.split('. ')
    throw usageError(sentence)
  }
}

/** Reads a number from an option. @throws CommandError. */
export function numberOption(
  name: string,
  text: string | undefined,
  { fallback, min, max }: { readonly fallback: number; readonly min: number; readonly max: number },
): number {
  if (text === undefined) return fallback
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw usageError(`--${name} must be a number from ${min} to ${max} (got ${JSON.stringify(text)})`)
}

/** Finds what a command does for a verb. @throws CommandError for one that it does not have. */
export function verbOf<Verb>(
  command: string,
  verbs: Readonly<Record<string, Verb>>,
  name: string | undefined,
): Verb {
  const verb = name !== undefined && Object.hasOwn(verbs, name) ? verbs[name] : undefined
  if (verb === undefined) throw usageError(`${command} takes ${Object.keys(verbs).join(', ')}`)
  return verb
}
