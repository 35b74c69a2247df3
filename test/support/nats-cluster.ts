import { setTimeout as after } from 'node:timers/promises'
import { connectTo } from '../../src/nats-client/connection.ts'
import { askJetStream } from '../../src/nats-client/stored.ts'
import { type NatsServer, startNats } from './nats-server.ts'
import { freePort } from './ports.ts'

interface ClusterInfo {
  readonly leader?: string
  readonly replicas?: readonly { readonly current: boolean; readonly offline?: boolean }[]
}

const isWhole = ({ leader, replicas = [] }: ClusterInfo, size: number): boolean =>
  leader !== undefined &&
  replicas.length === size - 1 &&
  replicas.every(({ current, offline }) => current && !offline)

/**
 * Starts a cluster of NATS servers. `kill` ends one of them, or the leader of a stream; `restart` resolves when each has
 * what the others have. `url` is that of a server which runs.
 */
export async function startNatsCluster(
  stream: string,
  random: () => number,
  size = 3,
): Promise<NatsServer & { killLeader(): Promise<void> }> {
  const ports = await Promise.all(Array.from({ length: size }, () => freePort()))
  const routes = ports.map((port) => `"nats://127.0.0.1:${port}"`).join(', ')
  const servers = await Promise.all(
    ports.map((port, i) =>
      startNats(
        `server_name: n${i}\ncluster { name: telemachine, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
      ),
    ),
  )
  let dead: NatsServer | undefined
  const first = (): NatsServer => servers.find((server) => server !== dead)!
  const judge = await connectTo({ servers: servers.map(({ url }) => url), name: 'cluster' })

  const info = (): Promise<{ cluster: ClusterInfo } | undefined> =>
    askJetStream<{ cluster: ClusterInfo }>(judge, `STREAM.INFO.${stream}`, undefined).catch(() => undefined)
  const until = async (condition: () => Promise<boolean>): Promise<void> => {
    while (!(await condition().catch(() => false))) await after(50)
  }
  // JetStream answers when the servers have a leader.
  await until(async () => (await askJetStream(judge, 'INFO', undefined)) !== undefined)

  const kill = async (server: NatsServer): Promise<void> => {
    dead = server
    await server.kill()
  }
  return {
    get url() {
      return first().url
    },
    get port() {
      return first().port
    },
    kill: () => kill(servers[Math.floor(random() * size)]!),
    killLeader: async () => {
      const leader = (await info())?.cluster.leader
      await kill(servers[Number(leader?.slice(1) ?? 0)]!)
    },
    restart: async () => {
      await dead?.restart()
      dead = undefined
      await until(async () => {
        const found = await info()
        return found !== undefined && isWhole(found.cluster, size)
      })
    },
    close: async () => {
      await judge.close()
      for (const server of servers) await server.close()
    },
  }
}
