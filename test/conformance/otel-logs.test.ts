// Guards that the otel_logs exporter lives as every exporter has to, against real receivers.
import { otelLogs } from '../../src/index.ts'
import { createBackend, exporterConformance } from '../../src/testing/index.ts'

describe('the otel_logs exporter', () => {
  const [here, there] = [createBackend(), createBackend()]
  before(() => Promise.all([here.listen(), there.listen()]))
  after(() => Promise.all([here.close(), there.close()]))

  for (const { name, run } of exporterConformance(otelLogs(), {
    config: () => ({ endpoint: here.logsUrl }),
    events: (n) => [{ name: 'conformance.done', metadata: { n } }],
    rebuilds: () => [
      { endpoint: there.logsUrl },
      { headers: { 'x-tenant': 'a' } },
      { endpoint: here.logsUrl },
    ],
    refused: () => ({ certificate: '/nowhere/ca.pem' }),
    breakBackend: () => here.fault({ type: 'status', status: 503 }),
    repairBackend: () => here.clear(),
    received: () => here.logRecordCount + there.logRecordCount,
  }))
    it(name, run)
})
