import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import type { Logger } from '../../src/logger.ts'
import { createTelemetry } from '../../src/telemetry.ts'
import type { DecodedSpan } from '../../src/testing/index.ts'
import { createBackend } from '../../src/testing/index.ts'

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Whether requests of `node:http` can be given headers: Node.js tells of them before it sends them. */
export const tellsOfNewRequests = Number(process.versions.node.split('.')[0]) >= 22

const ends: (() => unknown)[] = []

/** Ends all that the tests have started, the latest first. */
export async function endAll(): Promise<void> {
  for (const end of ends.splice(0).reverse()) await end()
}

export const atEnd = <End extends () => unknown>(end: End): End => {
  ends.push(end)
  return end
}

export interface Rig {
  readonly telemetry: ReturnType<typeof createTelemetry>
  /** Every event, in order. */
  readonly events: TelemetryEvent[]
  /** The spans that the receiver has got, after a flush. */
  spans(): Promise<readonly DecodedSpan[]>
  /** The lines of the Prometheus page that begin with a text. */
  lines(start: string): Promise<string[]>
}

/** Telemetry with both exporters, and a receiver for the spans. */
export async function startRig(init: object = {}, logger: Logger = silent): Promise<Rig> {
  const backend = createBackend()
  await backend.listen()
  atEnd(() => backend.close())
  const telemetry = createTelemetry({
    config: {
      env: {},
      init: {
        otel: { endpoint: backend.url, service_name: 'test' },
        prometheus: { port: 0, health: false },
        ...init,
      },
    },
    logger,
    drainOnExit: false,
  })
  const events: TelemetryEvent[] = []
  telemetry.attach('all', '*', (event) => events.push(event))
  await telemetry.start()
  atEnd(() => telemetry.stop())
  return {
    telemetry,
    events,
    spans: async () => {
      await telemetry.flush()
      return backend.spans
    },
    lines: async (start) => {
      const { port } = telemetry.status().exporters.prometheus!.client
      const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      return page.split('\n').filter((line) => line.startsWith(start))
    },
  }
}

export interface Service {
  readonly url: string
  readonly port: number
  readonly server: Server
}

export async function serve(listener: RequestListener): Promise<Service> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, server }
}

/** Resolves when `events` has `count` events of a name; looks after each turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

export const named = (events: readonly TelemetryEvent[], name: string): TelemetryEvent[] =>
  events.filter((event) => event.name === name)
