import { createTelemetry, otel, prometheus, type Telemetry } from '../../src/index.ts'
import { bare, type Instruments, type Setting, sumOf } from './instruments.ts'

/** Default settings, but for the labels: a user is none. */
export async function startTelemachine({ kind, signals, url }: Setting): Promise<Instruments> {
  const spans = { otel: { endpoint: url, service_name: 'bench' } }
  const metrics = { prometheus: { port: 0, labels: ['method', 'route', 'status', 'table'] } }
  const telemetry = createTelemetry({
    types: [otel(), prometheus()],
    config: {
      env: {},
      init: { ...(signals !== 'metrics' && spans), ...(signals !== 'spans' && metrics) },
    },
    drainOnExit: false,
  })
  await telemetry.start()

  const stop = async (): Promise<number | undefined> => {
    await telemetry.flush()
    const port = telemetry.status().exporters.prometheus?.client.port
    const page =
      port === undefined ? undefined : await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    await telemetry.stop()
    if (page === undefined) return undefined
    const name = signals === 'metrics' ? 'http_requests_total' : 'http_request_success_duration_seconds_count'
    return sumOf(page, name)
  }
  if (signals === 'metrics') return { ...counting(telemetry), stop }
  return { ...(kind === 'span' ? bySpan(telemetry) : byEvents(telemetry)), stop }
}

type Calls = Omit<Instruments, 'stop'>

const bySpan = (telemetry: Telemetry): Calls => ({
  ...bare,
  request: ({ id, method, route, user }, work) =>
    telemetry.span('http.request', { correlation_id: id, method, route, user }, work),
  query: ({ id }, work) => telemetry.span('db.query', { correlation_id: id, table: 'users' }, work),
})

const byEvents = ({ emit }: Telemetry): Calls => ({
  ...bare,
  request: async ({ id, method, route, user }, work) => {
    const start = performance.now()
    emit('http.request.start', {}, { correlation_id: id, method, route, user })
    const result = await work()
    const measured = { count: 1, duration_ms: performance.now() - start }
    emit('http.request.success', measured, { correlation_id: id, method, route, status: 200 })
    return result
  },
  query: async ({ id }, work) => {
    const start = performance.now()
    emit('db.query.start', {}, { correlation_id: id, table: 'users' })
    const result = await work()
    const measured = { duration_ms: performance.now() - start }
    emit('db.query.success', measured, { correlation_id: id, table: 'users' })
    return result
  },
})

const counting = ({ emit }: Telemetry): Calls => ({
  ...bare,
  count: ({ method, route }) => emit('http.requests', { count: 1 }, { method, route, status: 200 }),
})
