import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'

/** Clients for the page: one of Node's, and one that sends whatever bytes it is given. */

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

export async function ask(port: number, path = '/metrics', options: object = {}): Promise<Answer> {
  const asking = request({ host: '127.0.0.1', port, path, ...options }).end()
  const [response] = await once(asking, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }
}

/** Sends raw bytes, and resolves with what came back when the server closed. */
export async function raw(port: number, bytes: string | Uint8Array): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  socket.end(bytes)
  await once(socket, 'close')
  return answer
}
