/** The supervisor's chart when even its fence fails. */
import assert from 'node:assert/strict'
import { createActor, fromCallback, fromPromise } from 'xstate'
import { supervisorMachine } from '../../machines/index.ts'
import { createSimulatedClock } from '../../src/testing/index.ts'
import { coverage } from '../support/coverage.ts'
import { createFakeUnit } from './stage.ts'

describe('a supervisor whose fence fails', () => {
  it('backs off and respawns all the same, and gives up at the sixth crash within a minute', async () => {
    const clock = createSimulatedClock()
    const { unit } = createFakeUnit(clock)
    const asked: unknown[] = []
    const system = createActor(fromCallback(({ receive }) => receive((event) => void asked.push(event))))
    system.start()
    const supervisor = createActor(
      supervisorMachine.provide({ actors: { fence: fromPromise(() => Promise.reject(new Error('no'))) } }),
      { input: { unit, system: system as never }, clock, inspect: coverage.inspect },
    )
    supervisor.start()
    for (let crash = 1; crash <= 5; crash += 1) {
      supervisor.send({ type: 'exporter.crashed', error: new Error('crash') })
      await clock.settle(2)
      assert.equal(supervisor.getSnapshot().value, 'backoff')
      clock.increment(5000)
      assert.equal(asked.length, crash)
    }
    supervisor.send({ type: 'exporter.crashed', error: new Error('crash') })
    await clock.settle(2)
    assert.equal(supervisor.getSnapshot().value, 'failed')
    supervisor.send({ type: 'exporter.revive' })
    assert.equal(supervisor.getSnapshot().value, 'up')
    supervisor.stop()
  })
})
