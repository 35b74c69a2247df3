// Guards that the datadog exporter lives as every exporter has to, though it aggregates.
import assert from 'node:assert/strict'
import { datadog, distribution } from '../../../src/index.ts'
import { exporterConformance } from '../../../src/testing/index.ts'
import { createFakeDatadog, type FakeDatadog } from './fake.ts'

/** Each event, hostile or not, is one value. */
const metrics = [distribution('*', { name: 'events', measurement: () => 1 })]
const arrived = (fake: FakeDatadog): number => fake.values('events').length

describe('the datadog exporter', () => {
  const [here, there] = [createFakeDatadog(), createFakeDatadog('/proxy')]
  before(() => Promise.all([here.listen(), there.listen()]))
  after(async () => {
    await Promise.all([here.close(), there.close()])
    assert.deepEqual([...here.violations, ...there.violations], [])
  })

  for (const { name, run } of exporterConformance(datadog({ metrics }), {
    config: () => ({ api_key: 'dd0123456789', api_url: here.url }),
    events: (n) => [{ name: 'conformance.work', metadata: { shard: n % 7 } }],
    rebuilds: () => [{ api_url: there.url }, { api_key: 'dd9876543210' }, { api_url: here.url }],
    refused: () => ({ transport: 'dogstatsd', socket_path: '/nowhere/dsd.socket' }),
    breakBackend: () => {
      here.reply = () => ({ status: 503 })
    },
    repairBackend: () => {
      here.reply = () => undefined
    },
    received: () => arrived(here) + arrived(there),
  }))
    it(name, run)
})
