import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Telemetry } from './contract.ts'
import { TelemetryError } from './errors.ts'
import { pageOf } from './exporters/prometheus/page/handler.ts'
import { textAnswer, writeAnswer } from './http-server/answer.ts'
import { ingressOf } from './ingress.ts'

/**
 * Returns a request handler that answers GET and HEAD with the metrics page of a Prometheus exporter, for an HTTP server
 * of your own: `http.createServer`, Express (`app.get('/metrics', metricsHandler(telemetry))`), Fastify's raw request and
 * response. It never throws. Path, access and limits are those of your server. With `port: null` in its configuration,
 * the exporter has no server of its own.
 *
 * While the exporter does not run - before `start`, disabled, after `stop` - the answer is 503; so it is, with
 * `Retry-After`, while no worker of a cluster can answer for all.
 * @param exporter The exporter's id in the configuration. Default `prometheus`.
 * @throws TelemetryError `TELEMETRY_INVALID` if `telemetry` was not made by `createTelemetry`.
 */
export function metricsHandler(
  telemetry: Pick<Telemetry, 'status'>,
  exporter = 'prometheus',
): (request: IncomingMessage, response: ServerResponse) => void {
  const ingress = ingressOf(telemetry)
  if (ingress === undefined)
    throw new TelemetryError(
      'TELEMETRY_INVALID',
      'the first argument of metricsHandler() must be a telemetry system that createTelemetry() returned',
    )
  const unavailable = textAnswer(503, `no Prometheus exporter ${JSON.stringify(exporter)} is running\n`)
  return (request, response) => {
    const handler = pageOf(ingress.clientOf(exporter))
    if (handler) handler(request, response)
    else writeAnswer(request, response, unavailable).catch(() => response.destroy())
  }
}
