import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'

/** An address that never answers a connection, as behind a firewall that drops packets. */
export interface BlackHole {
  readonly port: number
  close(): Promise<void>
}

/** The system accepts this many connections by itself, beyond a backlog of 1. */
const accepted = 2

/** Listens without ever accepting, and fills the backlog: the system drops what comes after that. */
export async function createBlackHole(host: string, port = 0): Promise<BlackHole> {
  const worker = new Worker(
    `const { parentPort, workerData: { host, port } } = require('node:worker_threads')
     const server = require('node:net').createServer().listen({ host, port, backlog: 1 }, () => {
       parentPort.postMessage(server.address().port)
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
     })`,
    { eval: true, workerData: { host, port } },
  )
  const [listening] = (await once(worker, 'message')) as [number]
  const sockets: Socket[] = []
  for (let filled = 0; filled < accepted; filled += 1) {
    const socket = connect(listening, host)
    socket.on('error', () => {})
    await once(socket, 'connect')
    sockets.push(socket)
  }
  return {
    port: listening,
    async close() {
      for (const socket of sockets) socket.destroy()
      await worker.terminate()
    },
  }
}
