import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** A receiver that answers while the event loop of the tests is blocked: it runs in a thread of its own. */
export interface OtherThread {
  readonly url: string
  /** Bodies of the requests answered so far, oldest first. */
  bodies(): Promise<readonly Uint8Array[]>
  /** Answers each request after so many milliseconds. */
  delay(ms: number): void
  close(): Promise<void>
}

const program = `
  const { createServer } = require('node:http')
  const { parentPort } = require('node:worker_threads')
  const bodies = []
  let delay = 0
  const server = createServer((request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => setTimeout(() => {
      bodies.push(Buffer.concat(chunks))
      response.writeHead(200, { 'content-type': 'application/x-protobuf' })
      response.end()
    }, delay))
  })
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
  parentPort.on('message', (asked) => {
    if (asked === 'bodies') parentPort.postMessage(bodies)
    else delay = asked
  })
`

export async function startOtherThread(): Promise<OtherThread> {
  const worker = new Worker(program, { eval: true })
  const [port] = (await once(worker, 'message')) as [number]
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    async bodies() {
      worker.postMessage('bodies')
      const [bodies] = (await once(worker, 'message')) as [Uint8Array[]]
      return bodies
    },
    delay: (ms) => worker.postMessage(ms),
    close: async () => {
      await worker.terminate()
    },
  }
}

/** Blocks this thread as a busy application does: no timer, no socket, no promise makes progress. */
export function blockEventLoop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
