import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fastify } from 'fastify'
import type { Instruments, Request } from './instruments.ts'

export type Framework = 'http' | 'fastify'

export interface ServiceOptions {
  readonly instruments: Instruments
  /** How often a request is counted, each time in a turn of the event loop of its own. */
  readonly counts: number
}

export interface Service {
  readonly port: number
  /** Requests answered so far. */
  readonly answered: () => number
  close(): Promise<void>
}

const resources = Array.from({ length: 16 }, (_, i) => `resource-${i}`)

/** What the load asks for: 16 routes, 1,000 users. */
export const pathOf = (i: number): string => `/api/${resources[i & 15]}/user-${(i * 7919) % 1000}`

interface Row {
  readonly user: string
  readonly total: number
}

/** Stands for a query: it takes one turn of the event loop. */
async function query(user: string): Promise<Row> {
  await nextTurn()
  return { user, total: user.length * 7 }
}

/** One request: a query, and an answer from what it found. */
const handler = ({ instruments, counts }: ServiceOptions) => {
  let last = 0
  let answered = 0
  const handle = (method: string, route: string, user: string): Promise<string> => {
    last += 1
    const request: Request = { id: `request-${last}`, method, route, user }
    return instruments.request(request, async () => {
      const row = await instruments.query(request, () => query(user))
      for (let n = 0; n < counts; n++) {
        if (n > 0) await nextTurn()
        instruments.count(request)
      }
      answered += 1
      return JSON.stringify({ id: request.id, ...row })
    })
  }
  return { handle, answered: () => answered }
}

export const startService = (framework: Framework, options: ServiceOptions): Promise<Service> =>
  framework === 'http' ? startHttp(options) : startFastify(options)

async function startHttp(options: ServiceOptions): Promise<Service> {
  const { handle, answered } = handler(options)
  const routes = new Map(resources.map((resource) => [resource, `/api/${resource}/:user`]))
  const server = createServer((request, response) => {
    const [, , resource = '', user = ''] = request.url!.split('/')
    handle(request.method!, routes.get(resource)!, user).then(
      (body) => {
        response.writeHead(200, {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        })
        response.end(body)
      },
      () => response.writeHead(500).end(),
    )
  })
  // Longer than the other contenders' turns: a connection closed meanwhile would fail a request.
  server.keepAliveTimeout = 65_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    answered,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function startFastify(options: ServiceOptions): Promise<Service> {
  const { handle, answered } = handler(options)
  const app = fastify({ forceCloseConnections: true })
  for (const resource of resources)
    app.get<{ Params: { user: string } }>(`/api/${resource}/:user`, async (request, reply) => {
      const body = await handle(request.method, request.routeOptions.url!, request.params.user)
      reply.type('application/json')
      return body
    })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { port: (app.server.address() as AddressInfo).port, answered, close: () => app.close() }
}
