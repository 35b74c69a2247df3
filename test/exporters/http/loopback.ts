import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'

/** A TCP server on loopback that says whatever the test scripts, and knows its sockets. */
export interface Loopback {
  readonly port: number
  readonly url: string
  /** All that were ever accepted. */
  readonly sockets: readonly Socket[]
  /** Resolves when the n-th connection (from 1) has been accepted. */
  accepted(n: number): Promise<Socket>
  close(): Promise<void>
}

export type Script = (socket: Socket, head: string) => void

/** Runs `script` once per request head: `head` is what has arrived since the last one, up to the empty line or more. */
export async function loopback(script: Script, server: Server = createServer()): Promise<Loopback> {
  const sockets: Socket[] = []
  const plain = server.listenerCount('secureConnection') === 0 && !('setSecureContext' in server)
  const event = plain ? 'connection' : 'secureConnection'
  server.on(event, (socket: Socket) => {
    sockets.push(socket)
    let received = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (!received.includes('\r\n\r\n')) return
      const head = received
      received = ''
      script(socket, head)
    })
    server.emit('accepted')
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    port,
    url: `${plain ? 'http' : 'https'}://127.0.0.1:${port}/v1/traces`,
    sockets,
    async accepted(n) {
      while (sockets.length < n) await once(server, 'accepted')
      return sockets[n - 1]!
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
  }
}

export const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

/** Resolves when the peer has closed the connection, with or without an error. */
export const gone = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
