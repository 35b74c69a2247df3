/** An exporter shows the states its model says, and keeps no client it should not have, by every way into each state. */
import assert from 'node:assert/strict'
import { mock } from '../../src/exporters/mock.ts'
import { otel } from '../../src/exporters/otel/index.ts'
import { createBackend, followModel, lifecycleModel, lifecycleWorld } from '../../src/testing/index.ts'
import { createDriver } from '../support/scripted-driver.ts'

const span = [
  { name: 'job.start', metadata: { correlation_id: 1 } },
  { name: 'job.success', metadata: { correlation_id: 1 } },
]

describe('the life of an exporter', () => {
  const cases = followModel(lifecycleModel, lifecycleWorld(createDriver().definition))
  for (const { name, run } of cases) it(name, run)
})

describe('the life of the mock exporter', () => {
  for (const { name, run } of followModel(lifecycleModel, lifecycleWorld(mock()))) it(name, run)
})

describe('the life of an OTLP exporter with a real backend', () => {
  const backend = createBackend()
  before(() => backend.listen())
  after(() => backend.close())

  const world = lifecycleWorld(otel(), { config: () => ({ endpoint: backend.url }), events: span })
  for (const { name, run } of followModel(lifecycleModel, world)) it(name, run)
})

describe('a world of the lifecycle model', () => {
  it('is not made for pull exporters', () => {
    const { export: _, ...pulled } = mock()
    assert.throws(() => lifecycleWorld(pulled), { code: 'TESTING_UNSUPPORTED' })
  })
})
