import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** A receiver that answers while the event loop of the tests is blocked: it runs in a thread of its own. */
export interface OtherThread {
  readonly url: string
  /** Bodies of the requests answered so far, oldest first. */
  bodies(): Promise<readonly Uint8Array[]>
  /** Answers each request after so many milliseconds. */
  delay(ms: number): void
  /** Answers no request before `release()`. */
  hold(): void
  /** Answers the requests that it holds, and from now on each request at once; also while this thread is blocked. */
  release(): void
  /** How many requests it holds. */
  held(): number
  /** How many requests it has answered. Can be read in a thread that is blocked. */
  answered(): number
  close(): Promise<void>
}

const program = `
  const { createServer } = require('node:http')
  const { parentPort, workerData: counts } = require('node:worker_threads')
  const [heldAt, answeredAt] = [0, 1]
  const bodies = []
  let held
  let delay = 0
  const answer = (chunks, response) => {
    bodies.push(Buffer.concat(chunks))
    response.writeHead(200, { 'content-type': 'application/x-protobuf' })
    response.end(() => Atomics.add(counts, answeredAt, 1))
  }
  const server = createServer((request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      if (held) Atomics.store(counts, heldAt, held.push([chunks, response]))
      else setTimeout(answer, delay, chunks, response)
    })
  })
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
  const orders = {
    bodies: () => parentPort.postMessage(bodies),
    delay: (ms) => { delay = ms },
    hold: () => { held = [] },
    release: () => {
      for (const [chunks, response] of held) answer(chunks, response)
      held = undefined
    },
  }
  parentPort.on('message', ([order, argument]) => orders[order](argument))
`

export async function startOtherThread(): Promise<OtherThread> {
  const counts = new Int32Array(new SharedArrayBuffer(8))
  const worker = new Worker(program, { eval: true, workerData: counts })
  const [port] = (await once(worker, 'message')) as [number]
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    async bodies() {
      worker.postMessage(['bodies'])
      const [bodies] = (await once(worker, 'message')) as [Uint8Array[]]
      return bodies
    },
    delay: (ms) => worker.postMessage(['delay', ms]),
    hold: () => worker.postMessage(['hold']),
    release: () => worker.postMessage(['release']),
    held: () => Atomics.load(counts, 0),
    answered: () => Atomics.load(counts, 1),
    close: async () => {
      await worker.terminate()
    },
  }
}

/** Blocks this thread as a busy application does: no timer, no socket, no promise makes progress. */
export function blockEventLoop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
