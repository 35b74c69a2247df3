// Guards that a new hub waits for those whom the hub before knew, and says who has not come: their gauges are missing.
import assert from 'node:assert/strict'
import { createAttendance, type Known } from '../../src/cluster/attendance.ts'
import { createSimulatedClock } from '../../src/testing/simulated.ts'

const alive: Known = { seq: 1, pid: process.pid, gone: false }

describe('the attendance of a hub', () => {
  const setUp = () => {
    const clock = createSimulatedClock()
    const known = new Map<string, Known>([
      ['a', alive],
      ['b', alive],
      ['left', { ...alive, gone: true }],
      // No process has a number so high.
      ['dead', { ...alive, pid: 2_147_483_646 }],
    ])
    const attendance = createAttendance(clock, known)
    attendance.begin()
    return { clock, attendance }
  }

  it('is complete when all have come that have neither left nor died', async () => {
    const { attendance } = setUp()
    attendance.arrived('a')
    attendance.arrived('b')
    await attendance.complete(1000)
    assert.deepEqual(attendance.absent(), [])
  })

  it('names who has not come in time, until they come', async () => {
    const { clock, attendance } = setUp()
    attendance.arrived('a')
    const complete = attendance.complete(1000)
    await clock.advance(1100)
    await complete
    assert.deepEqual(attendance.absent(), [process.pid])
    attendance.arrived('b')
    assert.deepEqual(attendance.absent(), [])
  })

  it('stops naming absent reporters after a while', async () => {
    const { clock, attendance } = setUp()
    const complete = attendance.complete(1000)
    await clock.advance(1100)
    await complete
    assert.equal(attendance.absent().length, 2)
    await clock.advance(10_000)
    assert.deepEqual(attendance.absent(), [])
  })
})
