import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parsePage } from '../exporters/prometheus/strict-page.ts'
import { pause } from '../support/poll.ts'
import { freePort } from '../support/ports.ts'
import { compileFixture } from '../support/programs.ts'
import type { Command } from './fixtures/service.ts'

/** Real workers of a real cluster, whose primary runs none of our code. */

const file = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const compiled = (name: string): Promise<string> => compileFixture(file(`${name}.ts`))

/** A process or thread that runs the service. */
export interface Actor {
  readonly key: string
  tell(command: Command): Promise<unknown>
  /** Ends it at once. Resolves when it is gone. */
  kill(): Promise<void>
  /** Resolves when it has ended by itself. */
  ended(): Promise<void>
}

export interface Scraped {
  readonly text: string
  /** The value of a sample, by its name and labels as on the page. */
  value(sample: string): number | undefined
}

export interface Stage {
  readonly port: number
  /** Starts a worker, with these keys of the exporter, and these variables in its environment. */
  worker(
    key: string,
    settings?: Readonly<Record<string, unknown>>,
    env?: Readonly<Record<string, string>>,
  ): Promise<Actor>
  /** Makes a worker that has not started yet. */
  create(key: string): Promise<Actor>
  /** Scrapes the page, once somebody serves it; again while it says that somebody was late, on a busy machine. */
  scrape(): Promise<Scraped>
  close(): Promise<void>
}

interface Heard {
  readonly from?: string
  readonly message: {
    readonly ready?: true
    readonly exited?: unknown
    readonly n?: number
    readonly result?: unknown
  }
}

/** Commands to those at the other end of a channel, and their answers. */
export function createActors(send: (to: string, message: object) => void, kill: (key: string) => void) {
  const waiting = new Map<string, (value: unknown) => void>()
  const wait = (event: string): Promise<unknown> => new Promise((resolve) => waiting.set(event, resolve))
  let commands = 0
  return {
    heard(from: string, { ready, exited, n, result }: Heard['message']): void {
      const event = ready ? `ready ${from}` : exited !== undefined ? `exited ${from}` : `${n}`
      waiting.get(event)?.(result)
      waiting.delete(event)
    },
    async actor(key: string, begin: () => void): Promise<Actor> {
      const ready = wait(`ready ${key}`)
      const exited = wait(`exited ${key}`) as Promise<void>
      begin()
      await ready
      return {
        key,
        async tell(command) {
          const n = ++commands
          const answer = wait(`${n}`)
          send(key, { n, command })
          const result = await answer
          if (result instanceof Object && 'error' in result) throw new Error(String(result.error))
          return result
        },
        async kill() {
          kill(key)
          await exited
        },
        ended: () => exited,
      }
    },
  }
}

/** Scrapes a page strictly parsed; waits while nobody listens. */
export async function scrape(port: number, path = '/metrics'): Promise<Scraped> {
  for (;;) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
      const text = await response.text()
      if (response.status !== 200) throw new Error(`${response.status} ${text}`)
      return scraped(text)
    } catch (error) {
      if ((error as Error).message !== 'fetch failed') throw error
      await pause()
    }
  }
}

export function scraped(text: string): Scraped {
  parsePage(text, 'text')
  const values = new Map<string, number>()
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ')
    if (!line.startsWith('#') && at > 0) values.set(line.slice(0, at), Number(line.slice(at + 1)))
  }
  return { text, value: (sample) => values.get(sample) }
}

const ended = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(undefined)))

/** A cluster whose primary runs none of our code. */
export const createStage = (): Promise<Stage> => createStageOf(file('god.mjs'), compiled('worker'))

/** A process whose threads are the workers; `main` is its main thread. */
export const createThreadStage = (): Promise<Stage> => createStageOf(compiled('threads'))

/** A primary that runs the service itself, as `main`, and forks workers. */
export const createPrimaryStage = (): Promise<Stage> => createStageOf(compiled('primary'))

async function createStageOf(...command: readonly (string | Promise<string>)[]): Promise<Stage> {
  const port = await freePort()
  const [program, ...args] = await Promise.all(command)
  const god = fork(program!, args, { execArgv: [] })
  const actors = createActors(
    (to, message) => god.send({ to, message }),
    (kill) => god.send({ kill }),
  )
  god.on('message', ({ from, message }: Heard) => actors.heard(from!, message))
  const create = (key: string, env = {}) => actors.actor(key, () => god.send({ fork: key, env }))
  return {
    ...{ port, create },
    async worker(key, settings = {}, env = {}) {
      const worker = await create(key, env)
      await worker.tell({ start: { port, ...settings } })
      // On a busy machine the exporter may open after the start: what it has counted before is not on the page yet.
      while (!((await worker.tell('status')) as { client: unknown }).client) await pause()
      return worker
    },
    async scrape() {
      for (;;) {
        const page = await scrape(port)
        if (!page.value('telemachine_cluster_members_late')) return page
        await pause()
      }
    },
    async close() {
      god.kill('SIGKILL')
      await ended(god)
    },
  }
}

/** A process of its own, without a cluster. */
export async function createProcess(settings: Readonly<Record<string, unknown>>): Promise<Actor> {
  const child = fork(await compiled('worker'), { execArgv: [] })
  const actors = createActors(
    (_, message) => child.send(message),
    () => child.kill('SIGKILL'),
  )
  child.on('message', (message: Heard['message']) => actors.heard('plain', message))
  child.on('exit', () => actors.heard('plain', { exited: true }))
  const actor = await actors.actor('plain', () => {})
  await actor.tell({ start: settings })
  return actor
}
