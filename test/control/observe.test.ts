// What observers of the control plane are given: a picture that none of them can change for the others.
import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { createActor, createMachine } from 'xstate'
import { type ControlRecord, createObservation } from '../../src/control/observe.ts'

const chart = createMachine({
  id: 'chart',
  initial: 'outer',
  states: { outer: { initial: 'inner', states: { inner: {} } } },
})

describe('observers of the control plane', () => {
  it('cannot write in what the others see', () => {
    const observation = createObservation(undefined)
    const { observe } = observation
    const seen: ControlRecord[] = []
    observe((record) => {
      Object.assign(record, { actor: 'another' })
    })
    observe((record) => {
      Object.assign(record.state as object, { outer: 'elsewhere' })
    })
    observe((record) => seen.push(record))
    const actor = createActor(chart, { id: 'it', inspect: observation.inspect })
    actor.start()
    actor.stop()
    assert.ok(seen.length > 0)
    assert.deepEqual(new Set(seen.map((record) => record.actor)), new Set(['it']))
    const states = seen.flatMap(({ state }) => (state === undefined ? [] : [state]))
    assert.ok(states.length > 0)
    for (const state of states) assert.deepEqual(state, { outer: 'inner' })
  })

  it('cost no inspection while there are none, and may come and go while it runs', () => {
    const observation = createObservation(undefined)
    assert.equal(observation.inspect, undefined)
    const actor = createActor(chart, { id: 'it' })
    observation.connect(actor.system)
    const seen: ControlRecord[] = []
    const leave = observation.observe((record) => seen.push(record))
    actor.start()
    assert.ok(seen.length > 0)
    leave()
    const before = seen.length
    actor.stop()
    assert.equal(seen.length, before)
  })
})
