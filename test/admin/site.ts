import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { type Admin, type AdminOptions, createAdmin } from '../../src/admin/index.ts'
import { createTelemetry, mock, type Telemetry } from '../../src/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'

export const token = 'operators-token-0123456789'
export const canary = 'canary-9f8e7d6c5b4a'

export interface Site {
  readonly telemetry: Telemetry
  readonly admin: Admin
  readonly url: string
  close(): Promise<void>
}

/** A telemetry system with a mock exporter that holds a secret, and its admin API on loopback. */
export async function openSite(options: AdminOptions = { token }): Promise<Site> {
  const telemetry = createTelemetry({
    types: [mock()],
    config: { env: {}, init: { mock: { api_key: canary, endpoint: `mock://memory/?key=${canary}` } } },
    logger: quietLogger,
    drainOnExit: false,
  })
  await telemetry.start()
  const admin = createAdmin(telemetry, { logger: quietLogger, ...options })
  const { url } = await admin.listen()
  return {
    telemetry,
    admin,
    url,
    async close() {
      await admin.close()
      await telemetry.stop()
    },
  }
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: each test says what it expects of it.
  readonly json: () => any
}

/** One request with exactly the headers named; `fetch` would not let a test forge Host or Origin. */
export function ask(
  url: string,
  path: string,
  {
    method = 'GET',
    headers = {},
    body,
    authorization = `Bearer ${token}`,
  }: {
    method?: string
    headers?: Record<string, string>
    body?: string | Buffer
    authorization?: string | null
  } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const request = httpRequest(
      {
        hostname,
        port,
        path,
        method,
        agent: false,
        headers: { ...(authorization !== null && { authorization }), ...headers },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: () => JSON.parse(text),
          }),
        )
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

export const patch = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> =>
  ask(url, '/config', {
    method: 'PATCH',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

/** Bytes as they are; resolves with all that came back until the server closed. */
export function rawly(url: string, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
    socket.write(bytes)
  })
}
