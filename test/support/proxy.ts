import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  request as requestHttp,
  type Server,
  STATUS_CODES,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface ProxyOptions {
  /** `user:password` that every request must bring. */
  readonly credentials?: string
  /** Ports on loopback by host name: the names that the proxy alone resolves. */
  readonly hosts?: Readonly<Record<string, number>>
  /** The status of every answer, instead of doing as asked. */
  readonly refuse?: number
  /** Accepts requests and never answers. */
  readonly silent?: boolean
  /** PEM texts: the proxy is one of https. */
  readonly tls?: { readonly key: string; readonly cert: string }
}

/** An HTTP proxy on loopback: CONNECT and absolute-form requests. */
export interface TestProxy {
  readonly port: number
  /** `method target` of each request that arrived. */
  readonly asked: string[]
  /** Connections that were ever accepted, and those that are open. */
  readonly connections: { accepted: number; open: number }
  /** Cuts every connection, and goes on listening. */
  cut(): void
  /** Resolves when no connection is open. */
  idle(): Promise<void>
  close(): Promise<void>
}

export async function startProxy(options: ProxyOptions = {}): Promise<TestProxy> {
  const { credentials, hosts = {}, refuse, silent = false, tls } = options
  const server: Server = tls ? createTlsServer(tls) : createServer()
  const asked: string[] = []
  const sockets = new Set<Duplex>()
  const connections = { accepted: 0, open: 0 }
  const expected = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`

  const hold = (socket: Duplex): void => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  }
  server.on('connection', (socket: Socket) => {
    connections.accepted++
    connections.open++
    hold(socket)
    socket.once('close', () => {
      connections.open--
      server.emit('left')
    })
  })
  server.on('tlsClientError', () => {})

  /** The status that refuses a request, if one does. */
  const refusal = ({ headers }: IncomingMessage): number | undefined =>
    refuse ?? (expected && headers['proxy-authorization'] !== expected ? 407 : undefined)
  const resolved = (host: string, port: number) =>
    hosts[host] === undefined ? { host, port } : { host: '127.0.0.1', port: hosts[host] }

  server.on('connect', (request: IncomingMessage, client: Duplex) => {
    asked.push(`CONNECT ${request.url}`)
    if (silent) {
      // Unread, it would not see that the client leaves.
      client.resume().once('end', () => client.destroy())
      return
    }
    const status = refusal(request)
    if (status !== undefined) {
      // It echoes what it was sent, as some do.
      client.end(
        `HTTP/1.1 ${status} ${STATUS_CODES[status]} ${request.headers['proxy-authorization'] ?? ''}\r\n\r\n`,
      )
      return
    }
    const { hostname, port } = new URL(`http://${request.url}`)
    const upstream = connect(resolved(hostname, Number(port || 80)), () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      upstream.pipe(client).pipe(upstream)
    })
    hold(upstream)
    upstream.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
    upstream.once('close', () => client.destroy())
    client.once('close', () => upstream.destroy())
  })

  server.on('request', (request: IncomingMessage, response) => {
    asked.push(`${request.method} ${request.url}`)
    if (silent) return
    const status = refusal(request)
    if (status !== undefined) {
      request.resume()
      response.writeHead(status).end(`refused ${request.headers['proxy-authorization'] ?? ''}`)
      return
    }
    const { hostname, port, pathname, search } = new URL(request.url!)
    const { 'proxy-authorization': _, ...headers } = request.headers
    const upstream = requestHttp(
      {
        ...resolved(hostname, Number(port || 80)),
        method: request.method!,
        path: pathname + search,
        headers,
        agent: false,
      },
      (answer) => {
        response.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(response)
      },
    )
    upstream.on('error', () => response.writeHead(502).end())
    request.pipe(upstream)
  })

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    connections,
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    async idle() {
      while (connections.open > 0) await once(server, 'left')
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
  }
}
