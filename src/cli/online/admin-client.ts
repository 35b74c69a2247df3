import { readFileSync } from 'node:fs'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { messageOf } from '../../errors.ts'
import { connectionAdvice, opensslReason } from '../../exporters/http/advice.ts'
import { version } from '../../version.ts'
import {
  type CommandContext,
  CommandError,
  exitCodes,
  fileError,
  numberOption,
  usageError,
} from '../command.ts'

/** Options of every command that asks an admin API. */
export const adminOptions = { 'token-file': { type: 'string' }, timeout: { type: 'string' } } as const

export const adminOptionsHelp = `  --token-file <file>  the token of the admin API; default: the variable TELEMACHINE_TOKEN
  --timeout <s>        how long an answer may take; default 10`

export interface AdminAnswer {
  readonly status: number
  readonly body: unknown
}

/** The admin API of a running service. Every method throws a CommandError when it cannot be reached or refuses the token. */
export interface AdminClient {
  /** Origin and path, to be shown. */
  readonly name: string
  ask(method: string, path: string, body?: unknown): Promise<AdminAnswer>
  /** The body of an endless answer; ends with the signal. */
  stream(path: string, signal: AbortSignal): Promise<IncomingMessage>
}

const maxAnswerBytes = 64 * 1024 * 1024

function readToken(file: string | undefined, { env }: CommandContext): string | undefined {
  if (file === undefined) return env.TELEMACHINE_TOKEN?.trim() || undefined
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw fileError(`--token-file cannot be read: ${messageOf(error)}`)
  }
}

/** @throws CommandError for what is no URL of an admin API. */
function readUrl(text: string | undefined): URL {
  if (text === undefined) throw usageError('name the admin API, for example http://127.0.0.1:9465')
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw usageError(
      `the admin API must be an http or https URL, for example http://127.0.0.1:9465 (got ${JSON.stringify(text)})`,
    )
  if (url.username !== '' || url.password !== '')
    throw usageError(
      'the URL of the admin API must not hold credentials: every user of a machine can read arguments',
    )
  url.search = ''
  url.hash = ''
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

function unreachable(error: unknown, url: URL, name: string): CommandError {
  const { code: own, errors } = error as NodeJS.ErrnoException & { errors?: readonly NodeJS.ErrnoException[] }
  const code = own ?? errors?.[0]?.code
  const advice = connectionAdvice({
    code,
    reason: opensslReason(code, messageOf(error)),
    port: url.port === '4317' ? '' : url.port,
    http2: false,
  })
  const why = code?.startsWith('HPE_')
    ? 'it does not speak HTTP'
    : code === 'ECONNREFUSED'
      ? 'nothing listens there; check that the service runs, and the host and port of its admin API'
      : (advice ?? messageOf(error))
  return new CommandError(
    exitCodes.unreachable,
    `cannot ask the admin API at ${name}${code === undefined ? '' : ` (${code})`}: ${why}`,
  )
}

const errorOf = ({ body }: AdminAnswer): { readonly code?: unknown; readonly message?: unknown } =>
  (body as { error?: object } | undefined | null)?.error ?? {}

const refusalCode = (answer: AdminAnswer): unknown => errorOf(answer).code

/** The message of a refusal; the status of an answer without one. */
export function refusalText(answer: AdminAnswer): string {
  const { message } = errorOf(answer)
  return typeof message === 'string' ? message : `HTTP ${answer.status}`
}

function refused(answer: AdminAnswer, name: string, hasToken: boolean): CommandError | undefined {
  const { status } = answer
  const fail = (why: string): CommandError => new CommandError(exitCodes.unreachable, why)
  if (status === 401) {
    return fail(
      hasToken
        ? `the admin API at ${name} refused the token`
        : `the admin API at ${name} needs a token: set TELEMACHINE_TOKEN, or use --token-file <file>`,
    )
  }
  if (status === 403) return fail(`the admin API at ${name} refused the request: ${refusalText(answer)}`)
  if (status === 404 && refusalCode(answer) === 'ADMIN_NOT_FOUND')
    return fail(
      `${name} is not where the admin API is mounted, or its telemachine is older than this command; check the path`,
    )
  if (status >= 300 && status < 400)
    return fail(`${name} answered with a redirect; name the address it leads to`)
  if (typeof answer.body !== 'object' || answer.body === null)
    return fail(
      `${name} answered HTTP ${status}, but not as an admin API does; check the address and its path`,
    )
  return undefined
}

async function readAnswer(response: IncomingMessage): Promise<AdminAnswer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxAnswerBytes) throw new Error('the answer is too large')
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  try {
    return { status: response.statusCode ?? 0, body: JSON.parse(text) }
  } catch {
    return { status: response.statusCode ?? 0, body: undefined }
  }
}

/** Makes a client from the arguments of a command; no request is made yet. @throws CommandError. */
export function openAdminClient(
  address: string | undefined,
  values: { readonly [Name in keyof typeof adminOptions]?: string },
  context: CommandContext,
): AdminClient {
  const timeoutMs = 1000 * numberOption('timeout', values.timeout, { fallback: 10, min: 0.1, max: 600 })
  const url = readUrl(address)
  const token = readToken(values['token-file'], context)
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw usageError('the token must consist of visible ASCII characters, on one line')
  const name = `${url.origin}${url.pathname}`.replace(/\/$/, '')

  const send = (method: string, path: string, body: unknown, signal: AbortSignal): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const request = url.protocol === 'https:' ? requestHttps : requestHttp
      const asked = request(new URL(path, url), {
        method,
        signal,
        agent: false,
        headers: {
          'user-agent': `telemachine/${version}`,
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(text !== undefined && {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(text),
          }),
        },
      })
      asked.on('response', resolve)
      asked.on('error', reject)
      asked.end(text)
    })

  const deadline = (signal: AbortSignal): AbortSignal =>
    AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])

  /** An error as the user is told of it. */
  const explained = (error: unknown): CommandError => {
    if (error instanceof CommandError) return error
    if ((error as Error).name === 'AbortError' || (error as Error).name === 'TimeoutError')
      return new CommandError(
        exitCodes.unreachable,
        `the admin API at ${name} did not answer within ${timeoutMs / 1000} s`,
      )
    return unreachable(error, url, name)
  }

  return {
    name,
    ask: async (method, path, body) => {
      try {
        const answer = await readAnswer(await send(method, path, body, deadline(context.signal)))
        const refusal = refused(answer, name, token !== undefined)
        if (refusal) throw refusal
        return answer
      } catch (error) {
        throw explained(error)
      }
    },
    stream: async (path, signal) => {
      const head = new AbortController()
      const timer = setTimeout(() => head.abort(), timeoutMs)
      try {
        const response = await send('GET', path, undefined, AbortSignal.any([signal, head.signal]))
        if (response.statusCode === 200 && /x-ndjson/.test(String(response.headers['content-type'])))
          return response
        const answer = await readAnswer(response)
        throw (
          refused(answer, name, token !== undefined) ??
          new CommandError(
            answer.status === 422 ? exitCodes.problems : exitCodes.unreachable,
            `the admin API at ${name} refused: ${refusalText(answer)}`,
          )
        )
      } catch (error) {
        throw explained(error)
      } finally {
        clearTimeout(timer)
      }
    },
  }
}
