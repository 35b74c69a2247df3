// Guards that a group which is closed while it opens leaves nothing behind: no timer, and no page.
import assert from 'node:assert/strict'
import cluster from 'node:cluster'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, createSystemClock } from '../../src/clock.ts'
import { createGroup } from '../../src/cluster/group.ts'
import { quietLogger } from '../support/quiet-logger.ts'

/** A clock that knows which of its timers are under way. */
function countedClock(): Clock & { readonly timers: Set<unknown> } {
  const clock = createSystemClock()
  const timers = new Set<unknown>()
  return {
    ...clock,
    timers,
    setTimeout: (fn, ms) => {
      const timer = clock.setTimeout(() => {
        timers.delete(timer)
        fn()
      }, ms)
      timers.add(timer)
      return timer
    },
    clearTimeout: (timer) => {
      timers.delete(timer)
      clock.clearTimeout(timer)
    },
  }
}

function groupOn(clock: Clock, served: () => void = () => {}) {
  return createGroup<string, never>({
    ...{ page: ['group.test'], clock, logger: quietLogger, shippings: new Map(), joined: () => {} },
    source: { async *changes() {}, forgetSums() {}, forgetLive() {} },
    createTotals: () => ({ add() {}, set() {}, forget() {}, sums: () => [] }) as never,
    renderOwn: async () => [],
    renderAll: async () => [],
    serve: async () => served(),
    describeTotals: () => ({}),
    serves: () => false,
    facts: () => ({}),
  })
}

describe('a group of processes that is closed while it opens', () => {
  const { TMPDIR } = process.env
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'telemachine-group-'))
    process.env.TMPDIR = folder
  })
  afterEach(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
    rmSync(folder, { recursive: true })
  })

  /** Opens a group beside the hub of another one, and closes it meanwhile. */
  async function closedWhileItOpens(prepare: () => void = () => {}) {
    const hub = groupOn(createSystemClock())
    await hub.open()
    cluster.emit('fork')
    while (hub.role !== 'hub') await new Promise((resolve) => setImmediate(resolve))
    prepare()
    const clock = countedClock()
    let served = 0
    const late = groupOn(clock, () => {
      served += 1
    })
    const opening = late.open()
    await late.close(clock.now())
    await opening
    await hub.close(0)
    return { role: late.role, served, timers: clock.timers.size }
  }

  it('reports nothing, serves nothing and leaves no timer', async () => {
    assert.deepEqual(await closedWhileItOpens(), { role: 'left', served: 0, timers: 0 })
  })

  it('serves no page of its own where it cannot join the others', async () => {
    const outcome = await closedWhileItOpens(() => {
      for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o755)
    })
    assert.deepEqual(outcome, { role: 'left', served: 0, timers: 0 })
  })
})
