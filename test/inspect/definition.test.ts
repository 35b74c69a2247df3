/**
 * A machine's definition is data: names stay, functions and contexts do not, and JSON loses nothing of it.
 */
import assert from 'node:assert/strict'
import { assign, createMachine, fromPromise, setup } from 'xstate'
import { definitionOf } from '../../src/inspect/definition.ts'

const machine = setup({
  types: { context: {} as { secret: string } },
  actors: { load: fromPromise(() => Promise.resolve()) },
  guards: { ready: () => true },
  delays: { soon: 10 },
  actions: { note: (_, _params: { plain?: number }) => {} },
}).createMachine({
  id: 'sample',
  context: { secret: 'canary' },
  initial: 'idle',
  entry: [
    { type: 'note', params: { plain: 1 } },
    { type: 'note', params: () => ({ plain: 2 }) },
  ],
  states: {
    idle: {
      on: {
        go: [{ guard: 'ready', target: 'busy' }, { actions: { type: 'note', params: {} } }],
        stay: undefined,
      },
      always: { guard: ({ context }) => context.secret === '', target: 'busy' },
    },
    busy: {
      description: 'works',
      invoke: { src: 'load', id: 'load', input: () => 'canary', onDone: 'idle', onError: { target: 'idle' } },
      after: { soon: { target: 'idle', reenter: true }, 20: 'idle' },
      exit: assign({ secret: 'canary' }),
    },
  },
})

describe('a definition', () => {
  it('keeps names and plain parameters', () => {
    assert.deepEqual(definitionOf(machine), {
      id: 'sample',
      initial: 'idle',
      entry: [{ type: 'note', params: { plain: 1 } }, { type: 'note' }],
      states: {
        idle: {
          on: {
            go: [{ target: 'busy', guard: { type: 'ready' } }, { actions: [{ type: 'note', params: {} }] }],
          },
          always: [{ target: 'busy', guard: { type: 'guard' } }],
        },
        busy: {
          description: 'works',
          exit: [{ type: 'assign' }],
          invoke: [{ id: 'load', src: 'load', onDone: [{ target: 'idle' }], onError: [{ target: 'idle' }] }],
          after: { soon: [{ target: 'idle', reenter: true }], 20: [{ target: 'idle' }] },
        },
      },
    })
  })

  it('holds no context and no function, and survives JSON', () => {
    const text = JSON.stringify(definitionOf(machine))
    assert.doesNotMatch(text, /canary|=>|function/)
    assert.deepEqual(JSON.parse(text), definitionOf(machine))
    assert.deepEqual(Object.keys(createMachine(JSON.parse(text)).states), ['idle', 'busy'])
  })
})
