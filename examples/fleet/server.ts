import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'

/** Starts a NATS server with JetStream on a port that it chooses; undefined if there is none on this machine. */
export async function startServer() {
  if (spawnSync('nats-server', ['--version']).status !== 0) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'telemachine-fleet-'))
  const options = ['-a', '127.0.0.1', '-p', '-1', '-js', '-sd', folder, '--ports_file_dir', folder]
  const server = spawn('nats-server', options, { stdio: 'ignore' })
  let ports: string | undefined
  while (ports === undefined) {
    await after(20)
    ports = (await readdir(folder)).find((name) => name.endsWith('.ports'))
  }
  const { nats } = JSON.parse(await readFile(join(folder, ports), 'utf8')) as { nats: [string] }
  return {
    url: nats[0],
    close: async () => {
      server.kill()
      await once(server, 'exit')
      await rm(folder, { recursive: true, force: true })
    },
  }
}
