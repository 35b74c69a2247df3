/**
 * Every state of every chart is entered and every transition taken by the tests of machines/ and models/: what they
 * cannot reach is dead, and has no place in a chart.
 */
import assert from 'node:assert/strict'
import { breakerMachine, exporterMachine, supervisorMachine, systemMachine } from '../../machines/index.ts'
import { coverage, statesOf, transitionsOf } from '../support/coverage.ts'
// Their tests run before this one.
import './breaker.test.ts'
import './exporter.test.ts'
import './supervisor.test.ts'
import './system.test.ts'
import '../models/breaker.test.ts'
import '../models/lifecycle.test.ts'
import '../models/rebuild.test.ts'
import '../models/shutdown.test.ts'

describe('the tests of the charts', () => {
  for (const machine of [breakerMachine, exporterMachine, supervisorMachine, systemMachine]) {
    it(`enter every state of the ${machine.id} chart`, () => {
      assert.deepEqual(
        statesOf(machine).filter((id) => !coverage.states.has(id)),
        [],
      )
    })

    it(`take every transition of the ${machine.id} chart`, () => {
      assert.deepEqual(
        transitionsOf(machine).filter((name) => !coverage.transitions.has(name)),
        [],
      )
    })
  }
})
