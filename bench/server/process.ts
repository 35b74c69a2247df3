import { type RunApart, warm } from '../peers/workers.ts'
import { profile, type TimeSpent } from '../profile.ts'
import { type Kind, type Setting, startInstruments, startSwitched } from './instruments.ts'
import { type Framework, startService } from './service.ts'

export interface Task extends Omit<Setting, 'kind'> {
  readonly framework: Framework
  /** What the process can be instrumented with; the first is in use until another is asked for. */
  readonly kinds: readonly Kind[]
  /** Counts per request, with `metrics`. */
  readonly counts: number
  /** A file, or `summary`. */
  readonly profile?: string
}

export interface Ended {
  readonly answered: number
  /** What the metrics have counted. */
  readonly counted: number | undefined
  readonly timeSpent: TimeSpent | undefined
}

/** CPU in µs and requests since the process began. */
export interface Usage {
  readonly port: number
  readonly cpu: number
  readonly answered: number
}

/** A service in a process of its own, which waits for requests until it is stopped. */
export interface ServerProcess {
  usage(): Promise<Usage>
  use(kind: Kind): Promise<void>
  /** Profiles from now on, if the task says so. */
  profile(): Promise<void>
  stop(): Promise<Ended>
}

type Command = 'usage' | 'profile' | 'stop' | { readonly use: Kind }

/** The work of that process. */
export async function serve({ framework, kinds, counts, profile: file, ...setting }: Task): Promise<Ended> {
  const switched = kinds.length > 1 ? await startSwitched(kinds, setting) : undefined
  const instruments = switched ?? (await startInstruments({ ...setting, kind: kinds[0]! }))
  const service = await startService(framework, { instruments, counts })
  let profiled: (() => Promise<TimeSpent>) | undefined
  for (;;) {
    const { user, system } = process.cpuUsage()
    const usage: Usage = { port: service.port, cpu: user + system, answered: service.answered() }
    const command = (await warm(usage)) as Command
    if (command === 'stop') break
    if (typeof command === 'object') switched?.use(command.use)
    if (command === 'profile' && file) profiled = await profile(file === 'summary' ? undefined : file)
  }
  const timeSpent = await profiled?.()
  await service.close()
  return { answered: service.answered(), counted: await instruments.stop(), timeSpent }
}

export async function startServer(apart: RunApart<Task, Ended>, task: Task): Promise<ServerProcess> {
  let onUsage = (_: Usage): void => {}
  let reply = (_: Command): void => {}
  const next = (): Promise<Usage> =>
    new Promise((resolve) => {
      onUsage = resolve
    })
  const first = next()
  const ended = apart(
    task,
    (usage) =>
      new Promise<Command>((resolve) => {
        reply = resolve
        onUsage(usage as Usage)
      }),
  )
  const command = (name: Command): Promise<Usage> => {
    const usage = next()
    reply(name)
    return Promise.race([usage, ended.then(() => Promise.reject(new Error('the server has ended')))])
  }
  await Promise.race([first, ended])
  return {
    usage: () => command('usage'),
    use: async (kind) => void (await command({ use: kind })),
    profile: async () => void (await command('profile')),
    stop: () => {
      reply('stop')
      return ended
    },
  }
}
