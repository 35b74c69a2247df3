import type { NatsConnection } from '@nats-io/transport-node'
import { createTelemetry, type Telemetry, type TelemetryOptions } from '../../src/index.ts'
import { type Fleet, natsConfig, openFleet } from '../../src/nats/index.ts'
import { connectTo } from '../../src/nats-client/connection.ts'
import type { ConfigInit } from '../../src/typed-init.ts'
import { type NatsServer, startNats } from '../support/nats-server.ts'
import { quietLogger } from '../support/quiet-logger.ts'

/** A NATS server, and what a test starts against it. */
export interface Stage {
  readonly server: NatsServer
  /** A bucket of this test's own. */
  readonly bucket: string
  /** Of the key `config`, unless another is given. */
  fleet(key?: string): Promise<Fleet>
  /** A connection of the test, whose requests wait that long for an answer. */
  connection(timeoutMs?: number): Promise<NatsConnection>
  /** Starts a node with an exporter `mock`. */
  node(name: string, more?: NodeOptions): Promise<Telemetry>
  /** Stops everything but the server. */
  clear(): Promise<void>
}

export interface NodeOptions extends TelemetryOptions {
  readonly init?: object
  readonly cacheFile?: string
  readonly heartbeatMs?: number
  readonly key?: string
  readonly role?: 'gateway'
}

let buckets = 0

export function stageOf(server: NatsServer): Stage {
  const ends: (() => Promise<unknown>)[] = []
  const bucket = `test_${++buckets}`
  return {
    server,
    bucket,
    fleet: async (key) => {
      const fleet = await openFleet({ servers: server.url, bucket, key, by: 'test' })
      ends.push(() => fleet.close())
      return fleet
    },
    connection: async (timeoutMs = patienceMs) => {
      const connection = await connectTo({ servers: server.url, name: 'test', timeoutMs })
      const { request } = connection
      connection.request = (subject, data, options) =>
        request.call(connection, subject, data, { ...options, timeout: timeoutMs })
      ends.push(() => connection.close())
      return connection
    },
    node: async (
      node,
      { init = { mock: {} } as object, cacheFile, heartbeatMs, key, role, ...more } = {},
    ) => {
      const telemetry = createTelemetry({
        logger: quietLogger,
        ...more,
        config: {
          env: {},
          init: init as ConfigInit,
          remote: [natsConfig({ servers: server.url, bucket, node, cacheFile, heartbeatMs, key, role })],
        },
      }) as Telemetry
      ends.push(() => telemetry.stop({ timeoutMs: 1000 }))
      await telemetry.start()
      return telemetry
    },
    clear: async () => {
      for (const end of ends.splice(0).toReversed()) await end().catch(() => {})
    },
  }
}

/** How long a test's own connection waits for an answer: longer than a starved server stands still. */
const patienceMs = 6_000

/** Asks again after pauses of this length. */
const pauseMs = 10

/**
 * Resolves when something is so. It counts its own pauses, and not the time: a process that is suspended loses nothing.
 */
export async function until(isSo: () => unknown, what: string, withinMs = 10_000): Promise<void> {
  for (let waited = 0; !(await isSo()); waited += pauseMs) {
    if (waited > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}

/** Waits until a fleet has heard of these nodes. */
export const known = (fleet: Fleet, ...names: readonly string[]): Promise<void> =>
  until(
    async () => {
      const { nodes } = await fleet.status()
      return names.every((name) => nodes.some(({ node, alive }) => alive && node === name))
    },
    `the fleet knows ${names.join(', ')}`,
  )

export { startNats }

/** Puts a change that a node refuses, and leaves it. Again if the refusal came so soon that it was put back at once. */
export async function leaveRefused(fleet: Fleet, put: Record<string, unknown>): Promise<number> {
  for (;;) {
    const { result, revision } = await fleet.put({ put, unset: [] }, { waitMs: 0 })
    if (result === 'changed') return revision
  }
}
