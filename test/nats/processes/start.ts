import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Starts a program of this folder in a process of its own. */
export const startProcess = (name: string, ...args: readonly string[]): ChildProcess =>
  fork(fileURLToPath(new URL(`./${name}.ts`, import.meta.url)), [...args], {
    execArgv: ['--import', 'tsx'],
    // What JSON has no room for is not sent.
    serialization: 'json',
  })

/** Ends a process at once, as a crash does. */
export async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
