// Guards that the mock exporter lives as every exporter has to.
import { mock } from '../../src/index.ts'
import { exporterConformance } from '../../src/testing/index.ts'

describe('the mock exporter', () => {
  let down = false
  const type = mock({
    open: ({ endpoint }) => {
      if (endpoint === 'bad') throw new Error('no such place')
    },
    export: () => (down ? { type: 'retry', cause: 'down' } : { type: 'delivered' }),
  })
  for (const { name, run } of exporterConformance(type, {
    events: (n) => [{ name: 'conformance.work', metadata: { n } }],
    rebuilds: () => [{ endpoint: 'there' }, { endpoint: 'here' }],
    refused: () => ({ endpoint: 'bad' }),
    breakBackend: () => {
      down = true
    },
    repairBackend: () => {
      down = false
    },
    received: () => type.events.length,
  }))
    it(name, run)
})
