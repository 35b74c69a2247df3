import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { QueuemizerTelemetry } from './events.ts'
import type { Jobs } from './jobs.ts'
import { isKind, kinds } from './work.ts'

export interface Service {
  readonly url: string
  close(): Promise<void>
}

class HttpError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

const largestBody = 1024 * 1024

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > largestBody) throw new HttpError(413, 'a job has at most 1 MiB')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

const headerOf = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}

/** `POST /jobs?kind=compress|hash`, `GET /jobs/:id`, `GET /health`. Takes another port if `preferredPort` is taken. */
export async function startService(options: {
  telemetry: QueuemizerTelemetry
  jobs: Jobs
  preferredPort: number
}): Promise<Service> {
  const { telemetry, jobs } = options

  const takeJob = (request: IncomingMessage, kind: string | null): Promise<Answer> => {
    const id = jobs.newId()
    const labels = { correlation_id: id, method: 'POST', route: '/jobs' }
    return telemetry.span('queuemizer.request', labels, async ({ traceparent }) => {
      if (!isKind(kind)) throw new HttpError(400, `kind is one of ${kinds.join(', ')}`)
      const work = { kind, body: await bodyOf(request), sha256: headerOf(request, 'x-sha256') }
      if (!jobs.submit(id, work, traceparent)) throw new HttpError(503, 'the queue is full')
      return { status: 202, body: { id, at: `/jobs/${id}` } }
    })
  }

  const showJob = (id: string): Answer =>
    telemetry.span('queuemizer.request', { method: 'GET', route: '/jobs/:id' }, () => {
      const job = jobs.find(id)
      if (!job) throw new HttpError(404, 'there is no such job')
      return { status: 200, body: job }
    })

  const showHealth = (): Answer => {
    const { system, exporters } = telemetry.status()
    const states = Object.entries(exporters).map(([id, { state, breaker, lastError }]) => [
      id,
      { state, breaker, lastError },
    ])
    return { status: 200, body: { jobs: jobs.counts(), telemetry: system, ...Object.fromEntries(states) } }
  }

  const route = async (request: IncomingMessage): Promise<Answer> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const id = /^\/jobs\/([^/]+)$/.exec(pathname)?.[1]
    if (request.method === 'POST' && pathname === '/jobs') return takeJob(request, searchParams.get('kind'))
    if (request.method === 'GET' && id !== undefined) return showJob(id)
    if (request.method === 'GET' && pathname === '/health') return showHealth()
    throw new HttpError(404, 'POST /jobs?kind=compress, GET /jobs/:id, GET /health')
  }

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, body } = await route(request).catch((error: unknown): Answer => {
      const known = error instanceof HttpError ? error : new HttpError(500, 'something went wrong')
      return { status: known.status, body: { error: known.message } }
    })
    // A body that was not read to its end would be taken for the next request.
    if (!request.complete) response.setHeader('connection', 'close')
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(`${JSON.stringify(body)}\n`)
  }

  const server = createServer((request, response) => {
    response.on('error', () => {})
    respond(request, response).catch(() => response.destroy())
  })
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject)
        resolve()
      })
    })
  await listen(options.preferredPort).catch(() => listen(0))

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
