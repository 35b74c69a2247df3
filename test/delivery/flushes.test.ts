/** Flushes end: settled, failed, or given up by who waits; none is kept beyond its time. */
import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createFlushes } from '../../src/delivery/flushes.ts'
import { createDriver, hang } from '../support/scripted-driver.ts'
import { endSimulated, startSimulated } from '../support/simulated-telemetry.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a flush', () => {
  afterEach(endSimulated)

  it('is settled when everything before it is, whatever the order of the others', async () => {
    let settledBefore = 0
    const flushes = createFlushes(() => settledBefore)
    const ends: string[] = []
    for (const position of [30, 10, 20])
      void flushes.begin(position).settled.then((settled) => ends.push(`${position} ${settled}`))
    settledBefore = 20
    flushes.wake()
    await turn()
    assert.deepEqual(ends.toSorted(), ['10 true', '20 true'])
    flushes.fail()
    await turn()
    assert.deepEqual(ends.at(-1), '30 false')
  })

  it('that its caller gave up is forgotten, though the backend stays away', async () => {
    const flushes = createFlushes(() => 0)
    const forgotten = await (async () => {
      const flush = flushes.begin(1)
      flush.giveUp()
      assert.equal(await flush.settled, false)
      return new WeakRef(flush.settled)
    })()
    await turn()
    collectGarbage()
    assert.equal(forgotten.deref(), undefined)
  })

  it('ends when the breaker has heard of its outcome', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: { event_patterns: ['app.*'] } })
    driver.reply = () => ({ type: 'misdirected', cause: new Error('not found') })
    rig.emit(1)
    const refused = rig.telemetry.flush().then(() => rig.breaker())
    await rig.settle()
    assert.equal(await refused, 'open')
    driver.reply = () => ({ type: 'delivered' })
    rig.emit(1)
    const mended = rig.telemetry.flush().then(() => rig.breaker())
    await rig.pass(120)
    assert.equal(await mended, 'closed')
  })

  it('is over at its timeout while a request hangs, and when telemetry stops', async () => {
    const driver = createDriver()
    const rig = await startSimulated([driver.definition], { test: { event_patterns: ['app.*'] } })
    driver.reply = hang
    rig.emit(1)
    const ends: boolean[] = []
    for (const timeoutMs of [500, 60_000])
      void rig.telemetry.flush({ timeoutMs }).then(({ complete }) => ends.push(complete))
    await rig.pass(0.6)
    assert.deepEqual(ends, [false])
    await rig.end()
    assert.equal(ends.length, 2)
  })
})
