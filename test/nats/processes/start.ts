import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { compileFixture } from '../../support/programs.ts'

/** Compiles a program of this folder. Returns the function that starts it in a process of its own, as users' services run. */
export async function processOf(name: string): Promise<(...args: readonly string[]) => ChildProcess> {
  const file = await compileFixture(fileURLToPath(new URL(`./${name}.ts`, import.meta.url)))
  // What JSON has no room for is not sent.
  return (...args) => fork(file, [...args], { execArgv: [], serialization: 'json' })
}

/** Ends a process at once, as a crash does. */
export async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
