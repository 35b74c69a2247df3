/** A change of destination is in force everywhere or nowhere, and delivery goes on, by every course it may take. */
import assert from 'node:assert/strict'
import { followModel, rebuildModel, rebuildProjection } from '../../src/testing/index.ts'
import { startCrashable } from '../machines/crashable.ts'
import { assertExact } from '../support/ledger.ts'
import { createDriver, type Driver } from '../support/scripted-driver.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'

type Id = 'one' | 'two'
const ids: readonly Id[] = ['one', 'two']
const place = (n: number): string => `place ${n}`

/** Whose candidate is open and waits for the others. */
const ready: Readonly<Record<string, Id | undefined>> = { one_ready: 'one', two_ready: 'two' }
/** Who still takes part in the change. */
const replacing: Readonly<Record<string, readonly Id[]>> = {
  settled: [],
  one_refused: ['two'],
  two_refused: ['one'],
}

describe('a change of destination', () => {
  afterEach(endSimulated)

  const cases = followModel(
    rebuildModel,
    async () => {
      const drivers: Record<Id, Driver> = { one: createDriver('one'), two: createDriver('two') }
      const openings: Record<Id, ((error?: Error) => void)[]> = { one: [], two: [] }
      const config = { endpoint: place(0), event_patterns: ['app.*'] }
      const rig = await startCrashable([drivers.one.definition, drivers.two.definition], {
        one: config,
        two: config,
      })
      for (const id of ids)
        drivers[id].opening = () =>
          new Promise((resolve, reject) => {
            openings[id].push((error) => (error ? reject(error) : resolve()))
          })
      const outcomes: string[] = []
      let asked = 0

      const opens = (id: Id, error?: Error) => (): Promise<void> => {
        const settle = openings[id].pop()
        assert.ok(settle, `${id} is opening`)
        settle(error)
        return rig.settle()
      }

      return {
        events: {
          'a change comes': () => {
            asked += 1
            const endpoint = place(asked)
            rig.telemetry.config.put({ 'one.endpoint': endpoint, 'two.endpoint': endpoint }).then(
              () => outcomes.push('in force'),
              () => outcomes.push('refused'),
            )
            return rig.settle()
          },
          'one opens': opens('one'),
          'one cannot open': opens('one', new Error('no such place')),
          'two opens': opens('two'),
          'two cannot open': opens('two', new Error('no such place')),
          'one crashes': () => rig.crash('one'),
          'one comes back': () => rig.pass(0.2),
        },
        async check({ value, context }) {
          // An exporter that reopens is waited for a second.
          if (context.one === 'opening') await rig.pass(1.1)
          const state = String(value)
          const involved = replacing[state] ?? ids
          for (const id of ids) {
            const up = id === 'two' || context.one === 'up'
            const shown = id === 'one' && !up ? context.one : involved.includes(id) ? 'replacing' : 'serving'
            assert.equal(rig.state(id), shown, id)
            const clients = (up ? 1 : 0) + (up && ready[state] === id ? 1 : 0)
            assert.equal(drivers[id].open.length, clients, `clients of ${id}`)
            assert.equal(rig.telemetry.config.get(`${id}.endpoint`), place(context.place))
          }
          assert.deepEqual(outcomes, context.outcomes)

          rig.emit(1)
          void rig.telemetry.flush()
          await rig.settle()
          for (const id of ids) {
            assertExact(rig.ledger(id))
            if (id === 'one' && context.one !== 'up') continue
            assert.equal(drivers[id].calls.at(-1)?.endpoint, place(context.place))
            assert.equal(rig.ledger(id).delivered, rig.ledger(id).accepted)
          }
        },
      }
    },
    { project: rebuildProjection },
  )
  for (const { name, run } of cases) it(name, run)
})
