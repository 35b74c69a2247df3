import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildCommand } from '../../scripts/command.ts'
import { root } from '../../scripts/entries.ts'
import { type Admin, createAdmin } from '../../src/admin/index.ts'
import { createTelemetry, mock, type Telemetry } from '../../src/index.ts'

export const token = 'operators-token-0123456789'
export const canary = 'canary-9f8e7d6c5b4a'

/** In this repository, so that the command finds its packages. One per process: no other one writes it while it is run. */
const file = join(root, `node_modules/.cache/telemachine/command-${process.pid}.cjs`)
let built: Promise<void> | undefined
process.on('exit', () => rmSync(file, { force: true }))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  /** Resolves when stdout matches; rejects when the command ends before. */
  prints(pattern: RegExp): Promise<string>
  /** Kills it by a signal, if it still runs, and resolves when it has ended. */
  end(signal?: NodeJS.Signals): Promise<Ended>
  readonly ended: Promise<Ended>
}

interface Options {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts the command as a user's shell would, as it is built from these sources. */
export async function start(args: readonly string[], { cwd, env = {} }: Options = {}): Promise<Running> {
  built ??= buildCommand(file)
  await built
  const child = spawn(process.execPath, [file, ...args], {
    cwd: cwd ?? tmpdir(),
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }))
  return {
    child,
    ended,
    prints: async (pattern) => {
      for (;;) {
        if (pattern.test(stdout)) return stdout
        const more = await Promise.race([once(child.stdout, 'data'), ended])
        if (!Array.isArray(more) && !pattern.test(stdout))
          throw new Error(`it ended without printing ${pattern}: ${stdout}${stderr}`)
      }
    },
    end: async (signal = 'SIGINT') => {
      child.kill(signal)
      return ended
    },
  }
}

/** Runs the command to its end. */
export const run = async (args: readonly string[], options: Options = {}): Promise<Ended> =>
  (await start(args, options)).ended

/** One plain line: no stack, and nothing else. */
export const isOneLine = (text: string): boolean => /^telemachine: [^\n]+\n$/.test(text)

const folders: string[] = []
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A new folder with these files. */
export function createFolder(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'telemachine-command-'))
  folders.push(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

export interface Service {
  readonly telemetry: Telemetry
  readonly admin: Admin
  readonly url: string
  close(): Promise<void>
}

/** A running service with a mock exporter that holds a secret, and its admin API on loopback. */
export async function openService(init: Record<string, unknown> = {}): Promise<Service> {
  const telemetry = createTelemetry({
    types: [mock()],
    config: { env: {}, init: { mock: { api_key: canary }, ...init } },
    logger: quiet,
    drainOnExit: false,
  })
  await telemetry.start()
  const admin = createAdmin(telemetry, { token, logger: quiet })
  const { url } = await admin.listen()
  return {
    telemetry,
    admin,
    url,
    close: async () => {
      await admin.close()
      await telemetry.stop()
    },
  }
}

export const withToken = { env: { TELEMACHINE_TOKEN: token } }
