// Guards that the otel_metrics exporter lives as every exporter has to, in each temporality, against real receivers.
import { counter, otelMetrics } from '../../src/index.ts'
import { createBackend, exporterConformance, metricTotals } from '../../src/testing/index.ts'

/** Each event, hostile or not, counts one. */
const metrics = [counter('*', { name: 'events' })]

for (const temporality of ['cumulative', 'delta'])
  describe(`the otel_metrics exporter with ${temporality} sums`, () => {
    const [here, there] = [createBackend(), createBackend()]
    before(() => Promise.all([here.listen(), there.listen()]))
    after(() => Promise.all([here.close(), there.close()]))

    for (const { name, run } of exporterConformance(otelMetrics({ metrics }), {
      config: () => ({ temporality, interval: 1, endpoint: here.metricsUrl }),
      events: (n) => [{ name: 'conformance.work', metadata: { shard: n % 7 } }],
      rebuilds: () => [
        { endpoint: there.metricsUrl },
        { headers: { 'x-tenant': 'a' } },
        { endpoint: here.metricsUrl },
      ],
      refused: () => ({ certificate: '/nowhere/ca.pem' }),
      breakBackend: () => here.fault({ type: 'status', status: 503 }),
      repairBackend: () => here.clear(),
      received: () => metricTotals([...here.points, ...there.points], 'events').get('{}')?.sum ?? 0,
    }))
      it(name, run)
  })
