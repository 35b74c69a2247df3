// How much room the fields of an event are given, and that no event shows what another one was given room for.
import assert from 'node:assert/strict'
import { createBus } from '../../src/bus/bus.ts'
import type { TelemetryEvent } from '../../src/bus/event.ts'
import { FieldRoom } from '../../src/bus/field-room.ts'
import { createSystemClock } from '../../src/clock.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

describe('the room for the fields of an event', () => {
  it('is as much as the events before had, once many in a row had the same', () => {
    const room = new FieldRoom()
    for (let n = 0; n < 100; n++) room.learn(6)
    assert.equal(room.newFields().length, 6)
    room.learn(4)
    assert.equal(room.newFields().length, 0)
  })

  it('is an array of its own for each event', () => {
    const room = new FieldRoom()
    for (let n = 0; n < 100; n++) room.learn(2)
    const first = room.newFields()
    first[0] = 'mine'
    assert.notEqual(room.newFields()[0], 'mine')
  })

  it('shows in no event: fewer or more fields than those before arrive as they are', () => {
    const bus = createBus({ clock: createSystemClock(), logger: silent, maxValueLength: () => 100 })
    const events: TelemetryEvent[] = []
    bus.inbox('reader', (more) => events.push(...more)).subscribe(['*'])
    bus.open()
    for (let n = 0; n < 100; n++) bus.emit('a', { count: n }, { one: 1, two: 2 })
    const throws = {
      one: 1,
      get two() {
        throw new Error('no')
      },
      three: 3,
    }
    const odd = [{}, { one: 1 }, { one: 1, two: 2, three: 3 }, throws]
    for (const metadata of odd) {
      bus.emit('a', { count: 1 }, metadata)
      for (let n = 0; n < 100; n++) bus.emit('a', { count: n }, { one: 1, two: 2 })
    }
    bus.emit('a')
    bus.flush()
    const seen = events.filter((_, i) => i % 101 === 100).map(({ fields }) => fields)
    assert.deepEqual(seen, [
      ['count', 1],
      ['count', 1, 'one', 1],
      ['count', 1, 'one', 1, 'two', 2, 'three', 3],
      ['count', 1, 'one', 1, 'three', 3],
      [],
    ])
    const others = events.filter((_, i) => i % 101 !== 100)
    assert.ok(others.every(({ fields, metadataStart }) => fields.length === 6 && metadataStart === 2))
    bus.close()
  })
})
