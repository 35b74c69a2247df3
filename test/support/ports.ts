import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ports that operating systems assign by themselves, so that no other socket takes one between two uses. */
const first = 12_000
const last = 29_999

const given = new Set<number>()

/** Returns a port of loopback where nobody listens. It is returned once in a process. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + Math.floor(Math.random() * (last - first))
    if (given.has(port)) continue
    given.add(port)
    const server = createServer()
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening')
    } catch {
      continue
    }
    await once(server.close(), 'close')
    return port
  }
}
