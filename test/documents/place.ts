// Runs what a document shows: each block that begins with the name of a file becomes that file, in the folder of an
// application that has installed the packed package. Only ports are replaced, by free ones.
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Backend, createBackend } from '../../src/testing/index.ts'
import { createApplication, root } from '../package/packed.ts'
import { pause } from '../support/poll.ts'
import { freePort } from '../support/ports.ts'
import { compileFile } from '../support/programs.ts'

const standIns = fileURLToPath(new URL('stand-ins', import.meta.url))

/** The text of a document, by its path in the repository. */
export const textOf = (document: string): string => readFileSync(join(root, document), 'utf8')

/** The blocks of a document in this language. */
export const blocksOf = (document: string, language: string): string[] =>
  [...textOf(document).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(
    ([, text]) => text!,
  )

/** The blocks of a document that begin with the name of a file, by that name. */
export function filesOf(document: string): Map<string, string> {
  const blocks = [...blocksOf(document, 'js'), ...blocksOf(document, 'ts')]
  const named = blocks.flatMap((text) => {
    const name = /^\/\/ (\S+\.[a-z]+)\n/.exec(text)?.[1]
    return name === undefined ? [] : [[name, text] as const]
  })
  return new Map(named)
}

/** A program that runs, with what it has printed. */
export interface Program {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves with the exit code, or with the signal that ended the program. */
  readonly ended: Promise<number | string>
}

/** An application whose files are the blocks of a document. */
export interface Place {
  readonly folder: string
  readonly backend: Backend
  /** The port that stands for this one of the document. */
  port(shown: number): number
  /** `http://127.0.0.1:<port>/<path>` for a port of the document. */
  url(shown: number, path: string): string
  write(name: string, text: string): void
  run(file: string, env?: Readonly<Record<string, string>>): Program
  close(): Promise<void>
}

/** Optional packages are linked from this repository, or else from the stand-ins. */
export interface PlaceOptions {
  readonly ports?: readonly number[]
  readonly packages?: readonly string[]
  readonly standIns?: Readonly<Record<string, string>>
}

const bareEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(TELEMETRY|OTEL|DD|NODE_OPTIONS|NEXT)/.test(name)),
)

export async function createPlace(document: string, options: PlaceOptions = {}): Promise<Place> {
  const folder = createApplication(...(options.packages ?? []))
  for (const [name, folderOfIt] of Object.entries(options.standIns ?? {})) {
    const target = join(folder, 'node_modules', name)
    mkdirSync(dirname(target), { recursive: true })
    cpSync(join(standIns, folderOfIt), target, { recursive: true })
  }
  const ports = new Map<number, number>()
  for (const shown of options.ports ?? []) ports.set(shown, await freePort())
  const backend = createBackend()
  await backend.listen()
  const running = new Set<ChildProcess>()

  const relocated = (text: string): string =>
    text.replaceAll(/\b\d{4}\b/g, (shown) => String(ports.get(Number(shown)) ?? shown))
  const port = (shown: number): number => ports.get(shown)!
  const place: Place = {
    folder,
    backend,
    port,
    url: (shown, path) => `http://127.0.0.1:${port(shown)}${path}`,
    write(name, text) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), relocated(text))
    },
    run(file, env = {}) {
      const program = /\.m?ts$/.test(file) ? compileFile(join(folder, file)) : file
      const child = spawn(process.execPath, [program], {
        cwd: folder,
        env: { ...bareEnvironment, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: backend.url, ...env },
      })
      running.add(child)
      const printed = { stdout: '', stderr: '' }
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        printed.stdout += text
      })
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        printed.stderr += text
      })
      const ended = new Promise<number | string>((resolve) => {
        child.on('close', (code, signal) => {
          running.delete(child)
          resolve(code ?? signal ?? -1)
        })
      })
      return { child, stdout: () => printed.stdout, stderr: () => printed.stderr, ended }
    },
    async close() {
      for (const child of running) child.kill('SIGKILL')
      await backend.close()
    },
  }
  for (const [name, text] of filesOf(document)) place.write(name, text)
  return place
}

/** Asks until there is an answer: the server may not listen yet. Fails when the program has ended. */
export async function ask(program: Program, url: string): Promise<{ status: number; text: string }> {
  let hasEnded = false
  void program.ended.then(() => {
    hasEnded = true
  })
  for (;;) {
    try {
      const response = await fetch(url, { headers: { connection: 'close' } })
      return { status: response.status, text: await response.text() }
    } catch (error) {
      if (hasEnded)
        throw new Error(`the program ended: ${program.stdout()}${program.stderr()}`, { cause: error })
      await pause()
    }
  }
}

/** Asks until the answer contains the text. */
export async function askFor(program: Program, url: string, text: string): Promise<string> {
  for (;;) {
    const answer = await ask(program, url)
    if (answer.text.includes(text)) return answer.text
    await pause()
  }
}

/** Resolves when the program has printed this. Fails when it ends without. */
export const printed = ({ child, ended, stdout, stderr }: Program, pattern: RegExp): Promise<void> =>
  new Promise((resolve, reject) => {
    const look = (): void => {
      if (pattern.test(stdout())) resolve()
    }
    child.stdout?.on('data', look)
    look()
    void ended.then(() => reject(new Error(`the program ended: ${stdout()}${stderr()}`)))
  })
