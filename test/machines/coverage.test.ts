/**
 * Every state of every chart is entered and every transition taken by the tests of machines/ and models/: what they
 * cannot reach is dead, and has no place in a chart.
 */
import { breakerMachine, deliveryMachine, exporterMachine, systemMachine } from '../../machines/index.ts'
import { assertCovered } from '../../src/testing/index.ts'
import { coverage } from '../support/coverage.ts'
// Their tests run before this one.
import './breaker.test.ts'
import './delivery.test.ts'
import './exporter.test.ts'
import './system.test.ts'

describe('the tests of the charts', () => {
  for (const machine of [breakerMachine, deliveryMachine, exporterMachine, systemMachine]) {
    it(`enter every state and take every transition of the ${machine.id} chart`, () =>
      assertCovered(coverage, machine))
  }
})
