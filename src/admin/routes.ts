import type { IncomingMessage } from 'node:http'
import { messageOf, TelemetryConfigError, TelemetryError } from '../errors.ts'
import { type Answer, hasBody } from '../http-server/answer.ts'
import type { ExporterStatus } from '../status.ts'
import { jsonAnswer, refusal } from './answer.ts'
import { readJson } from './body.ts'
import { createFiles, isFile } from './files.ts'
import type { Access, Gate } from './gate.ts'
import type { AdminTelemetry } from './port.ts'
import type { Samples } from './samples.ts'

export interface Call {
  readonly request: IncomingMessage
  readonly patienceMs: number
}

/** The response becomes a stream: of the control plane's changes, or of live events. */
export type Stream = 'events' | 'tap'

/** The methods of a path. */
export interface Route {
  readonly access: Access
  readonly methods: Readonly<Record<string, (call: Call) => Answer | Stream | Promise<Answer>>>
}

/** Handles a POST. */
type Command = (request: IncomingMessage) => unknown

const longestFlushMs = 5000

const ok = (value: unknown): Answer => jsonAnswer(200, value)

/** Maps our error codes to HTTP statuses. Other errors are not exposed. */
function refusalOf(error: unknown): Answer {
  if (error instanceof TelemetryConfigError) {
    return refusal(422, error.code, error.message, { problems: error.problems })
  }
  if (!(error instanceof TelemetryError)) throw error
  const isUnknown = error.code === 'EXPORTER_UNKNOWN' || error.code === 'ENDPOINT_UNKNOWN'
  return refusal(isUnknown ? 404 : 409, error.code, messageOf(error))
}

/** Finds what a path offers; the parts of it that name exporters are not judged yet. */
export function createRoutes(
  telemetry: AdminTelemetry,
  gate: Gate,
  samples: Samples,
  fleet?: (request: IncomingMessage) => Promise<Answer>,
): (path: string) => Route | undefined {
  const files = createFiles()

  const state = (id: string): unknown => {
    const { exporters, system } = telemetry.status()
    const { state, breaker, endpoints, ledger } = exporters[id]!
    return { exporter: id, system, state, breaker, ...(endpoints && { endpoints }), ledger }
  }

  /** Commands mean something only while the charts run. */
  const command =
    (id: string, act: Command) =>
    async ({ request, patienceMs }: Call): Promise<Answer> => {
      if (hasBody(request)) {
        const body = await readJson(request, patienceMs)
        if ('refused' in body) return body.refused
      }
      const { system, exporters } = telemetry.status()
      if (!Object.hasOwn(exporters, id)) return refusal(404, 'EXPORTER_UNKNOWN', 'there is no such exporter')
      if (system !== 'running') return refusal(409, 'NOT_RUNNING', `telemetry is ${system}`)
      try {
        const more = await act(request)
        if (!Object.hasOwn(telemetry.status().exporters, id))
          return refusal(404, 'EXPORTER_UNKNOWN', 'the exporter was removed meanwhile')
        return ok({ ...(state(id) as object), ...(more as object) })
      } catch (error) {
        return refusalOf(error)
      }
    }

  const patchConfig = async ({ request, patienceMs }: Call): Promise<Answer> => {
    const body = await readJson(request, patienceMs)
    if ('refused' in body) return body.refused
    const { value } = body
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return refusal(422, 'CONFIG_INVALID_VALUE', 'the body must be an object of paths and values')
    }
    return changed(telemetry.config.putFrom('admin', value as Record<string, unknown>))
  }

  const unsetConfig = (path: string): Promise<Answer> => changed(telemetry.config.unsetFrom('admin', path))

  const changed = (change: Promise<unknown>): Promise<Answer> => change.then(ok, refusalOf)

  /** Operators of breakers mean something only where batches are sent. */
  const breaker = (id: string, request: IncomingMessage) => {
    if (!hasBreaker(telemetry.status().exporters[id]))
      throw new TelemetryError(
        'BREAKER_UNUSED',
        `${id} has no circuit breaker: it is scraped, and sends nothing by itself`,
      )
    const endpoint = endpointIn(request)
    return telemetry.breaker(id, endpoint === undefined ? {} : { endpoint })
  }

  /** The page asks it whether it has to ask for a token. */
  const health = ({ request }: Call): Answer =>
    ok({ status: 'ok', authorized: gate.authorizes(request) === undefined })

  const ready = (): Answer => {
    const { system, exporters } = telemetry.status()
    const opening = Object.values(exporters).some(({ state }) => state === 'opening')
    const isReady = system === 'running' && !opening
    return jsonAnswer(isReady ? 200 : 503, { status: isReady ? 'ready' : opening ? 'opening' : system })
  }

  const fixed = new Map<string, Route>([
    ['status', get(({ request }) => ok(telemetry.status({ history: asksFor(request, 'history') })))],
    ['config', { access: 'api', methods: { GET: () => ok(telemetry.config.explain()), PATCH: patchConfig } }],
    ['samples', get(({ request }) => ok(samples.after(sinceOf(request))))],
    ['events', get(() => 'events')],
    ['tap', get(() => 'tap')],
    ...(fleet ? [['fleet', get(({ request }) => fleet(request))] as const] : []),
    ['healthz', { access: 'probe', methods: { GET: health } }],
    ['readyz', { access: 'probe', methods: { GET: ready } }],
  ])

  const exporterCommands = new Map<string, (id: string) => Command>([
    ['restart', (id) => () => telemetry.restart(id)],
    [
      'flush',
      (id) => async () => {
        const { complete } = await telemetry.flush({ timeoutMs: longestFlushMs, exporters: [id] })
        return { complete }
      },
    ],
  ])
  const breakerCommands = new Map<string, (id: string) => Command>([
    ['force-open', (id) => (request) => breaker(id, request).forceOpen()],
    ['disable', (id) => (request) => breaker(id, request).disable()],
    ['reset', (id) => (request) => breaker(id, request).reset()],
  ])

  return (path) => {
    if (isFile(path)) {
      const access = path.startsWith('machines/') ? 'api' : 'page'
      return { access, methods: { GET: () => files(path) } }
    }
    const route = fixed.get(path)
    if (route) return route
    const [collection, id, verb, ...rest] = path.split('/')
    if (collection === 'config' && id !== undefined && verb === undefined) {
      return { access: 'api', methods: { DELETE: () => unsetConfig(id) } }
    }
    if (id === undefined || verb === undefined || rest.length > 0) return undefined
    const commands =
      collection === 'exporters' ? exporterCommands : collection === 'breakers' ? breakerCommands : undefined
    const act = commands?.get(verb)?.(id)
    return act && { access: 'api', methods: { POST: command(id, act) } }
  }
}

/** An exporter that sends batches has the keys of a breaker. */
export const hasBreaker = (exporter: ExporterStatus | undefined): boolean =>
  exporter !== undefined && Object.hasOwn(exporter.config, 'failure_threshold')

const get = (answer: (call: Call) => Answer | Stream | Promise<Answer>): Route => ({
  access: 'api',
  methods: { GET: answer },
})

/** The index that `?endpoint=` says; undefined without it. What is no index is no endpoint either. */
function endpointIn({ url = '' }: IncomingMessage): number | undefined {
  const said = new URLSearchParams(url.split('?')[1]).get('endpoint')
  if (said === null) return undefined
  return /^\d+$/.test(said) ? Number(said) : Number.NaN
}

/** What `?since=` says, in epoch milliseconds; 0 without it. */
const sinceOf = ({ url = '' }: IncomingMessage): number =>
  Number(new URLSearchParams(url.split('?')[1]).get('since') ?? 0) || 0

const asksFor = ({ url = '' }: IncomingMessage, name: string): boolean =>
  ['', '1', 'true'].includes(new URLSearchParams(url.split('?')[1]).get(name) ?? 'no')
