/** Following a model finds where the real system differs from it, and says what is wrong with a model or a world. */
import assert from 'node:assert/strict'
import { assign, setup } from 'xstate'
import { followModel, type World } from '../../src/testing/index.ts'

const lamp = setup({ types: { events: {} as { type: 'press' | 'break' } } }).createMachine({
  id: 'lamp',
  initial: 'off',
  states: { off: { on: { press: 'on' } }, on: { on: { press: 'off', break: 'broken' } }, broken: {} },
})

/** `ends` counts the worlds that were released. */
function worldsOf({ sticks = false } = {}) {
  const counts = { starts: 0, ends: 0 }
  const start = (): World<typeof lamp> => {
    let state = 'off'
    counts.starts += 1
    return {
      events: {
        press: () => {
          if (state === 'off') state = 'on'
          else if (!sticks) state = 'off'
        },
        break: () => {
          state = 'broken'
        },
      },
      check: ({ value }) => assert.equal(state, value),
      end: () => {
        counts.ends += 1
      },
    }
  }
  return { start, counts }
}

describe('followModel', () => {
  it('takes every transition of the model, and ends each world', async () => {
    const { start, counts } = worldsOf()
    const cases = followModel(lamp, start)
    assert.deepEqual(
      cases.map(({ name }) => name),
      [
        'has a model whose every state and event is walked',
        'agrees with its model on the ways to off (1)',
        'agrees with its model on the ways to broken (1)',
      ],
    )
    for (const { run } of cases) await run()
    assert.deepEqual(counts, { starts: 2, ends: 2 })
  })

  it('fails where the real system differs, says the way there, and ends the world all the same', async () => {
    const { start, counts } = worldsOf({ sticks: true })
    const [, toOff] = followModel(lamp, start)
    await assert.rejects(toOff!.run(), (error: Error) => {
      assert.match(error.message, /'on' !== 'off'|strictly equal/)
      assert.match(error.message, /"type":"press"/)
      return true
    })
    assert.deepEqual(counts, { starts: 1, ends: 1 })
  })

  it('names an event that the world does not have', async () => {
    const [, first] = followModel(lamp, () => ({ events: {} as never, check: () => {} }))
    await assert.rejects(first!.run(), /the world has no event "press" of the model/)
  })

  it('names the states and events that no path reaches', async () => {
    const island = setup({ types: { events: {} as { type: 'go' | 'swim' } } }).createMachine({
      id: 'island',
      initial: 'here',
      states: { here: { on: { go: 'here' } }, there: { on: { swim: 'here' } } },
    })
    const [whole] = followModel(island, () => assert.fail('nothing is started'))
    await assert.rejects(whole!.run(), /states that no path enters[\s\S]*island\.there/)
  })

  it('refuses a model with endless states, until it is told what tells them apart', () => {
    const counter = setup({
      types: { context: {} as { count: number }, events: {} as { type: 'count' } },
      actions: { count: assign({ count: ({ context }) => context.count + 1 }) },
    }).createMachine({ context: { count: 0 }, on: { count: { actions: 'count' } } })
    const start = (): never => assert.fail('nothing is started')
    assert.throws(() => followModel(counter, start, { limit: 500 }), /Traversal limit exceeded/)
    assert.equal(followModel(counter, start, { project: ({ value }) => value }).length, 2)
  })
})
