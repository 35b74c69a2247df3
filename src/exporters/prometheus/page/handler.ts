import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../../clock.ts'
import { isNoHub } from '../../../cluster/no-hub.ts'
import { messageOf } from '../../../errors.ts'
import { type Answer, textAnswer, writeAnswer } from '../../../http-server/answer.ts'
import { hostname, isAddress, isLoopback } from '../../../http-server/host.ts'
import type { Logger } from '../../../logger.ts'
import type { Format } from '../names.ts'
import { formatFor, wantsGzip } from './negotiate.ts'
import type { Page, PageForm, Slices } from './page.ts'
import { createSenders, type SenderLimits } from './senders.ts'

/** Answers requests for the page, on our own server or on a server of the application. */

export interface PageHandlerOptions extends SenderLimits {
  readonly page: (form: PageForm) => Promise<Page>
  readonly slice: Slices
  readonly clock: Clock
  readonly logger: Logger
}

export type PageHandler = (request: IncomingMessage, response: ServerResponse) => void

const offered = new WeakMap<object, PageHandler>()

/** Makes the page of a client available to `metricsHandler`. */
export const offerPage = (client: object, handler: PageHandler): void => void offered.set(client, handler)

/** The page that a client offers; undefined for anything else. */
export const pageOf = (client: unknown): PageHandler | undefined =>
  typeof client === 'object' && client !== null ? offered.get(client) : undefined

const contentTypes: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

const ignore = (): void => {}

/** Returns a handler that answers GET and HEAD with the page, whatever their path. It never throws. */
export function createPageHandler(options: PageHandlerOptions): PageHandler {
  const { page, slice, clock, logger } = options
  const senders = createSenders(clock, options)

  const answerOf = async (request: IncomingMessage): Promise<Answer> => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return textAnswer(405, 'only GET and HEAD\n', { allow: 'GET, HEAD' })
    const { accept, 'accept-encoding': encodings } = request.headers
    const form = { format: formatFor(accept), gzip: wantsGzip(encodings as string | undefined) }
    const { parts } = senders.holds(request.socket, await page(form))
    return {
      status: 200,
      headers: {
        'content-type': contentTypes[form.format],
        vary: 'Accept, Accept-Encoding',
        ...(form.gzip && { 'content-encoding': 'gzip' }),
      },
      body: parts,
    }
  }

  return (request, response) => {
    request.on('error', ignore)
    response.on('error', ignore)
    senders.begin(request.socket, response)
    answerOf(request)
      .catch((thrown: unknown) => {
        if (isNoHub(thrown))
          return textAnswer(503, `${messageOf(thrown)}; try again\n`, { 'retry-after': '1' })
        logger.error({ error: messageOf(thrown) }, 'the metrics page could not be rendered')
        return textAnswer(500, 'the metrics could not be collected\n')
      })
      .then((answer) => writeAnswer(request, response, answer, slice))
      .catch(() => response.destroy())
  }
}

export interface PageServerOptions {
  readonly host: string
  /** Read at each request. */
  readonly path: () => string
  readonly allowedHosts: () => readonly string[]
}

/** Restricts a handler to the path of the page and, on loopback, to requests that no other site can make. */
export function servedAt(handler: PageHandler, { host, path, allowedHosts }: PageServerOptions): PageHandler {
  const isLocal = isLoopback(host)

  const refusalOf = ({ url, headers }: IncomingMessage): Answer | undefined => {
    if (isLocal && !isLocalHost(headers.host, allowedHosts())) return textAnswer(403, foreignHost)
    return pathOf(url) === path() ? undefined : textAnswer(404, 'not found\n')
  }

  return (request, response) => {
    const refused = refusalOf(request)
    if (refused) writeAnswer(request, response, refused).catch(() => response.destroy())
    else handler(request, response)
  }
}

const foreignHost =
  'this page is bound to loopback and answers to localhost and IP addresses only; allowed_hosts can name others\n'

/**
 * Whether a Host header means this machine. The owner of a DNS name can make it point to 127.0.0.1, and a browser then
 * lets the pages of that name read what is served there (DNS rebinding). Addresses and `localhost` cannot be redirected
 * so.
 */
function isLocalHost(header: string | undefined, allowed: readonly string[]): boolean {
  // Only HTTP/1.0, which no browser speaks, has none.
  if (header === undefined) return true
  const name = hostname(header)
  if (name === undefined) return false
  return (
    isAddress(name) || /^(.+\.)?localhost$/.test(name) || allowed.some((one) => one.toLowerCase() === name)
  )
}

/** The path of a request target in origin or absolute form; undefined for any other. */
function pathOf(target: string | undefined): string | undefined {
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target ?? '')
  const rest = absolute ? target!.slice(absolute[0].length) || '/' : (target ?? '')
  return rest.startsWith('/') ? rest.replace(/[?#].*$/s, '') : undefined
}
