import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { freePort } from './ports.ts'

/** Skips a developer's run without a NATS server, aloud, and fails CI. */
export function needsNats(context: Mocha.Context): void {
  if (spawnSync('nats-server', ['--version']).status === 0) return
  if (process.env.CI) throw new Error('nats-server is not installed')
  console.log('      skipped: nats-server is not installed (Debian package nats-server)')
  context.skip()
}

/** A NATS server with JetStream, on a port and a folder of its own. */
export interface NatsServer {
  readonly url: string
  readonly port: number
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>
  /** Starts it again with what it has stored, if it does not run. */
  restart(): Promise<void>
  /** Ends it, and removes its folder. */
  close(): Promise<void>
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  try {
    const [greeting] = (await once(socket, 'data', { signal: AbortSignal.timeout(1000) })) as [Buffer]
    return greeting.toString().startsWith('INFO')
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/**
 * Starts a server. `more` is added to its configuration file. `forget` removes what it has stored, or a part of it,
 * while it does not run.
 */
export async function startNats(more = ''): Promise<NatsServer & { forget(part?: string): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'telemachine-nats-'))
  const port = await freePort()
  const file = join(folder, 'nats.conf')
  await writeFile(
    file,
    `host: 127.0.0.1\nport: ${port}\njetstream { store_dir: ${JSON.stringify(folder)} }\n${more}\n`,
  )
  let running: ChildProcess | undefined

  const start = async (): Promise<void> => {
    if (running !== undefined) return
    const server = spawn('nats-server', ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
    running = server
    let said = ''
    server.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000)
    })
    const ended = once(server, 'exit').then(() => {
      if (running === server) throw new Error(`nats-server ended: ${said}`)
    })
    ended.catch(() => {})
    while (!(await Promise.race([answers(port), ended.then(() => false)]))) await after(20)
  }

  const kill = async (): Promise<void> => {
    const server = running
    running = undefined
    if (server === undefined) return
    const ended = once(server, 'exit')
    server.kill('SIGKILL')
    await ended
  }

  await start()
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    kill,
    restart: start,
    forget: (part = '') => rm(join(folder, 'jetstream', part), { recursive: true }),
    close: async () => {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
