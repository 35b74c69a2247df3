import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a backend whose connections can be ended, or fall silent, in each way that a network knows. */
export interface Forwarder {
  readonly port: number
  /** Connections that were ever accepted. */
  readonly accepted: number
  /** Answers wait here until `release()`. */
  hold(): void
  release(): void
  /** Ends every connection: in good order (FIN), or with a reset (RST). */
  end(how: 'close' | 'reset'): void
  /** What comes over the present connections is lost from now on, and nobody is told. */
  fallSilent(): void
  close(): Promise<void>
}

export async function createForwarder(backendPort: () => number): Promise<Forwarder> {
  const clients = new Set<Socket>()
  const silent = new WeakSet<Socket>()
  const held: (() => void)[] = []
  let holding = false
  let accepted = 0

  const server = createServer((client) => {
    accepted += 1
    clients.add(client)
    const upstream = connect(backendPort(), '127.0.0.1')
    client.on('data', (chunk) => {
      if (!silent.has(client)) upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      const pass = (): void => void (silent.has(client) || client.write(chunk))
      if (holding) held.push(pass)
      else pass()
    })
    for (const socket of [client, upstream]) socket.on('error', () => {})
    client.on('close', () => {
      clients.delete(client)
      upstream.destroy()
    })
    upstream.on('close', () => void (silent.has(client) || client.destroy()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted
    },
    hold() {
      holding = true
    },
    release() {
      holding = false
      for (const pass of held.splice(0)) pass()
    },
    end(how) {
      for (const client of clients)
        if (how === 'reset') client.resetAndDestroy()
        else client.destroy()
    },
    fallSilent() {
      for (const client of clients) silent.add(client)
    },
    async close() {
      for (const client of clients) client.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
