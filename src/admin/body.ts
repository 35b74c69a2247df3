import type { IncomingMessage } from 'node:http'
import { type Answer, hasBody } from '../http-server/answer.ts'
import { refusal } from './answer.ts'

export const largestBody = 64 * 1024

/** Keys at every depth. No change has as many, and each costs more than its bytes. */
const maxKeys = 1000

const tooLarge = (): Answer =>
  refusal(413, 'ADMIN_BODY_TOO_LARGE', `the body must have at most ${largestBody} bytes`)
const tooManyKeys = (): Answer =>
  refusal(
    413,
    'ADMIN_BODY_TOO_LARGE',
    `the body must have at most ${maxKeys} keys, including those of inner objects`,
  )

function hasTooManyKeys(body: unknown): boolean {
  let keys = 0
  // Grows while it is read. A body may be nested as deep as it is long: recursion would overflow the stack.
  const values = [body]
  for (const value of values) {
    if (typeof value !== 'object' || value === null) continue
    const inner: unknown[] = Object.values(value)
    if (!Array.isArray(value)) keys += inner.length
    // A body that a framework has read may have cycles.
    if (keys > maxKeys || values.length + inner.length > largestBody) return true
    for (const one of inner) values.push(one)
  }
  return false
}

const isJson = (type: string | undefined): boolean =>
  /^application\/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i.exec(type ?? '') !== null

export type JsonBody = { readonly value: unknown } | { readonly refused: Answer }

const accepted = (value: unknown): JsonBody =>
  hasTooManyKeys(value) ? { refused: tooManyKeys() } : { value }

/**
 * Reads a JSON body of at most 64 KiB and 1,000 keys, declared as JSON: a form or plain text is what another site can
 * make a browser send. A body that a framework has read already is taken from `request.body`.
 */
export async function readJson(request: IncomingMessage, patienceMs: number): Promise<JsonBody> {
  const { headers } = request
  if (!isJson(headers['content-type'])) {
    return {
      refused: refusal(
        415,
        'ADMIN_CONTENT_TYPE',
        'the body must be JSON in UTF-8, with the header content-type: application/json',
      ),
    }
  }
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') {
    return { refused: refusal(415, 'ADMIN_CONTENT_TYPE', 'the body must not be compressed') }
  }
  if (Number(headers['content-length'] ?? 0) > largestBody) return { refused: tooLarge() }
  if (request.readableEnded) {
    const { body } = request as IncomingMessage & { body?: unknown }
    return body === undefined
      ? {
          refused: refusal(
            400,
            'ADMIN_BAD_REQUEST',
            'other code has read the body already: mount the admin API before a body parser, or use express.json()',
          ),
        }
      : accepted(body)
  }
  const bytes = hasBody(request) ? await readBytes(request, patienceMs) : Buffer.alloc(0)
  if ('status' in bytes) return { refused: bytes }
  try {
    return accepted(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
  } catch {
    return { refused: refusal(400, 'ADMIN_BAD_JSON', 'the body is not valid JSON in UTF-8') }
  }
}

function readBytes(request: IncomingMessage, patienceMs: number): Promise<Buffer | Answer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const settle = (result: Buffer | Answer): void => {
      clearTimeout(timer)
      request.off('data', take)
      resolve(result)
    }
    const take = (chunk: Buffer): void => {
      size += chunk.length
      if (size > largestBody) settle(tooLarge())
      else chunks.push(chunk)
    }
    const timer = setTimeout(
      () => settle(refusal(408, 'ADMIN_BODY_TIMEOUT', 'the body did not arrive in time')),
      patienceMs,
    )
    timer.unref()
    request.on('data', take)
    request.once('end', () => settle(Buffer.concat(chunks)))
    request.once('close', () => settle(refusal(400, 'ADMIN_BAD_REQUEST', 'the body ended early')))
  })
}
