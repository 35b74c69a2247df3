// Guards merged transactions: whatever is changed at the same time, and whatever exporters refuse of it, the outcome
// is that of the same changes one after the other, and only the offending ones are refused.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { PutResult } from '../../src/config/changes/transactions.ts'
import type { ConfigStore } from '../../src/config/contract.ts'
import { createStore } from './fake.ts'

type Change = (store: ConfigStore) => Promise<PutResult>

const id = fc.constantFrom('x', 'y')
const changes: fc.Arbitrary<readonly [name: string, change: Change]> = fc.oneof(
  fc
    .integer({ min: 1, max: 3 })
    .map((n): [string, Change] => [`batch_size ${n}`, (store) => store.put('otel.batch_size', n)]),
  fc.constant<[string, Change]>(['a wrong value', (store) => store.put('otel.batch_size', -1)]),
  fc.constant<[string, Change]>(['a port that is taken', (store) => store.put('page.port', 666)]),
  fc.constant<[string, Change]>([
    'a wrong path',
    (store) => store.put({ 'otel.batch_size': 9, 'no path': 1 }),
  ]),
  fc.constant<[string, Change]>(['unset', (store) => store.unset('otel.batch_size')]),
  fc
    .tuple(id, fc.constantFrom('otel', 'page'))
    .map(([one, type]): [string, Change] => [`add ${one}: ${type}`, (store) => store.put(one, { type })]),
  fc.constant<[string, Change]>([
    'add z with a taken port',
    (store) => store.put('z', { type: 'page', port: 666 }),
  ]),
  fc.constant<[string, Change]>(['add z: otel', (store) => store.put('z', { type: 'otel' })]),
  id.map((one): [string, Change] => [`disable ${one}`, (store) => store.put(`${one}.enabled`, false)]),
  id.map((one): [string, Change] => [`remove ${one}`, (store) => store.unset(one)]),
)

async function started(): Promise<ConfigStore> {
  const { store } = createStore({
    init: { otel: {}, page: {} },
    apply: async ({ exporters }) => {
      await Promise.resolve()
      if (exporters.some(({ after }) => after?.config.port === 666)) throw new Error('the port is taken')
    },
  })
  await store.start()
  return store
}

const settled = (change: Promise<PutResult>): Promise<boolean> =>
  change.then(
    () => true,
    () => false,
  )

describe('changes at the same time', () => {
  it('end as they would one after the other, and only those are refused that would be', async () => {
    const schedule = fc.array(fc.tuple(changes, fc.boolean()), { minLength: 1, maxLength: 25 })
    await fc.assert(
      fc.asyncProperty(schedule, async (steps) => {
        const [together, apart] = [await started(), await started()]
        const pending: Promise<boolean>[] = []
        for (const [[, change], waits] of steps) {
          pending.push(settled(change(together)))
          if (waits) await Promise.resolve()
        }
        const expected: boolean[] = []
        for (const [[, change]] of steps) expected.push(await settled(change(apart)))
        assert.deepEqual(await Promise.all(pending), expected, steps.map(([[name]]) => name).join(', '))
        assert.deepEqual(together.get('telemetry'), apart.get('telemetry'))
        await together.stop()
        await apart.stop()
      }),
      { numRuns: 300 },
    )
  })
})
