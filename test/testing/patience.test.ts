import assert from 'node:assert/strict'
import { createPatience } from '../../src/testing/patience.ts'
import { blockEventLoop } from '../chaos/other-thread.ts'
import { inTime } from '../support/in-time.ts'

describe('patience', () => {
  it('ends when its time has passed in pieces', () => {
    const isOver = createPatience(60)
    const from = performance.now()
    while (!isOver()) blockEventLoop(1)
    assert.ok(performance.now() - from >= 60)
  })

  it('does not end by a standstill', () => {
    const isOver = createPatience(60)
    blockEventLoop(200)
    assert.equal(isOver(), false)
  })

  it('lets what settles after a standstill settle in time', async () => {
    const settled = inTime(
      60,
      'a turn of the event loop',
      new Promise<void>((resolve) => setTimeout(resolve, 61)),
    )
    blockEventLoop(200)
    await settled
    await assert.rejects(inTime(1, 'what never happens', new Promise(() => {})), /what never happens/)
  })
})
