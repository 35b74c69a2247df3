// Guards that the otel exporter lives as every exporter has to, with each of its clients, against real receivers.
import { otel } from '../../src/index.ts'
import { createBackend, exporterConformance } from '../../src/testing/index.ts'

for (const client of ['native', 'package'])
  describe(`the otel exporter with the ${client} client`, () => {
    const [here, there] = [createBackend(), createBackend()]
    before(() => Promise.all([here.listen(), there.listen()]))
    after(() => Promise.all([here.close(), there.close()]))

    for (const { name, run } of exporterConformance(otel(), {
      config: () => ({ client, endpoint: here.url }),
      events: (n) => [
        { name: 'conformance.start', metadata: { correlation_id: n } },
        { name: 'conformance.success', metadata: { correlation_id: n } },
      ],
      rebuilds: () => [{ endpoint: there.url }, { headers: { 'x-tenant': 'a' } }, { endpoint: here.url }],
      refused: () => ({ certificate: '/nowhere/ca.pem' }),
      breakBackend: () => here.fault({ type: 'status', status: 503 }),
      repairBackend: () => here.clear(),
      received: () => (here.spanCount + there.spanCount) * 2,
    }))
      it(name, run)
  })
