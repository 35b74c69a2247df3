import { request } from 'node:http'
import { createSystemClock } from '../../clock.ts'
import type { ExporterConfig } from '../../config/changes/plan.ts'
import { endpointsOf } from '../../delivery/endpoints.ts'
import { messageOf, TelemetryError } from '../../errors.ts'
import type { Outcome } from '../../exporters/outcome.ts'
import { inUrl } from '../../http-server/host.ts'
import type { Logger } from '../../logger.ts'

/** The answer of an exporter's destination. */
export interface LiveResult {
  readonly id: string
  readonly type: string
  /** Index of the endpoint, where the exporter has several. */
  readonly endpoint?: number
  /** `skipped`: the exporter is disabled, or has no destination. */
  readonly result: 'ok' | 'failed' | 'skipped'
  readonly message: string
  readonly code?: string
  readonly ms?: number
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const closeMs = 1000

type Tried = Pick<LiveResult, 'result' | 'message' | 'code'>

const failedWith = (error: unknown): Tried => ({
  result: 'failed',
  message: messageOf(error),
  ...(error instanceof TelemetryError && { code: error.code }),
})

function ofOutcome(outcome: Outcome, where: string): Tried {
  switch (outcome.type) {
    case 'delivered':
      return outcome.cause === undefined
        ? { result: 'ok', message: `${where} answered and would take a batch` }
        : { result: 'ok', message: `${where} answered: ${messageOf(outcome.cause)}` }
    case 'too_large':
      return { result: 'failed', message: `${where} refused an empty request as too large` }
    default:
      return failedWith(outcome.cause ?? `${where} refused a request`)
  }
}

/** Whether a metrics page is on the port that is taken: then it is most likely the application itself. */
function answersWithMetrics({ config }: ExporterConfig, signal: AbortSignal): Promise<boolean> {
  const { host, port, path } = config as { host: string; port: number; path: string }
  const hostname = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return new Promise((resolve) => {
    const asked = request({ hostname, port, path, signal, agent: false }, (response) => {
      const { statusCode, headers } = response
      response.destroy()
      resolve(statusCode === 200 && /text\/plain|openmetrics/.test(String(headers['content-type'])))
    })
    asked.on('error', () => resolve(false))
    asked.end()
  })
}

/** Where an exporter sends to, or is asked, without anything secret. */
export function destinationOf({ definition, config }: ExporterConfig): string | undefined {
  for (const [name, key] of Object.entries(definition.schema)) {
    const value = config[name]
    if (key.format !== 'http-url' || typeof value !== 'string' || !URL.canParse(value)) continue
    const { origin, pathname } = new URL(value)
    return `${origin}${pathname === '/' ? '' : pathname}`
  }
  if (config.transport === 'dogstatsd') {
    return typeof config.socket_path === 'string'
      ? `unix://${config.socket_path}`
      : `udp://${String(config.agent_host)}:${String(config.agent_port)}`
  }
  for (const [name, key] of Object.entries(definition.schema)) {
    const value = config[name]
    if (key.destination && typeof value === 'string')
      return URL.canParse(value) ? value : key.destination(value)
  }
  if ('port' in config && typeof config.host === 'string') {
    return config.port === null
      ? undefined
      : `http://${inUrl(config.host)}:${String(config.port)}${String(config.path ?? '')}`
  }
  return undefined
}

/** An exporter as it is at each of its endpoints, the primary first: with one it is the exporter itself. */
export const atEachEndpoint = (exporter: ExporterConfig): readonly ExporterConfig[] =>
  endpointsOf(exporter.definition, exporter.config).map(({ config }) => ({ ...exporter, config }))

/** Tries each endpoint of an exporter. */
export function tryEndpoints(exporter: ExporterConfig, timeoutMs: number): Promise<readonly LiveResult[]> {
  const places = atEachEndpoint(exporter)
  return Promise.all(
    places.map(async (place, endpoint) => ({
      ...(await tryExporter(place, timeoutMs)),
      ...(places.length > 1 && { endpoint }),
    })),
  )
}

/** Opens the client of one exporter, sends one harmless request where its type has one, and closes the client. */
async function tryExporter(exporter: ExporterConfig, timeoutMs: number): Promise<LiveResult> {
  const { id, type, definition, config } = exporter
  const said = { id, type }
  if (config.enabled === false) return { ...said, result: 'skipped', message: 'the exporter is disabled' }
  const where = destinationOf(exporter) ?? 'the destination'
  const clock = createSystemClock()
  const began = performance.now()
  const deadline = AbortSignal.timeout(timeoutMs)
  const state = definition.state?.({ id, clock, logger: silent })
  const base = { id, clock, logger: silent, state, signal: deadline }
  const late = new Promise<never>((_, reject) => {
    const error = new TelemetryError(
      'EXPORTER_PROBE_TIMEOUT',
      `${where} did not answer within ${timeoutMs / 1000} s`,
    )
    deadline.addEventListener('abort', () => reject(error))
  })
  late.catch(() => {})

  const attempt = async (): Promise<Tried> => {
    const opening = Promise.resolve(
      definition.open(config, {
        ...base,
        current: () => config,
        catchUp: () => {},
        status: () => ({ system: 'idle', exporters: {} }),
      }),
    )
    const client = await Promise.race([opening, late])
    try {
      if (type === 'mock') return { result: 'skipped', message: 'a mock has no destination' }
      if (definition.probe === undefined) return { result: 'ok', message: openedMessage(exporter, where) }
      const context = { ...base, config, deadline: clock.now() + timeoutMs }
      const outcome = await Promise.race([definition.probe(client, context), late])
      const silentTransport = config.transport === 'dogstatsd'
      if (silentTransport && outcome.type === 'delivered')
        return { result: 'ok', message: `${where} can be sent to; datagrams are not answered` }
      return ofOutcome(outcome, where)
    } finally {
      await Promise.race([definition.close(client, { deadline: clock.now() + closeMs }), late]).catch(
        () => {},
      )
    }
  }

  const result = await attempt().catch(async (error: unknown): Promise<Tried> => {
    if (!(error instanceof TelemetryError) || error.code !== 'PORT_TAKEN') return failedWith(error)
    return (await answersWithMetrics(exporter, deadline))
      ? { result: 'ok', message: `${where} answers with metrics already: the application seems to run` }
      : failedWith(error)
  })
  return { ...said, ...result, ms: Math.round(performance.now() - began) }
}

const openedMessage = ({ definition, config }: ExporterConfig, where: string): string => {
  if (definition.export !== undefined) return `its client opened`
  return config.port === null ? 'its page is mounted in the application' : `${where} can be listened on`
}
