/**
 * SIGKILL keeps what the kernel has cached; a loss of power does not. Every prefix of what was written, synced, renamed
 * and removed is replayed as a disk that lost all that was not synced, or some of it, and restores what was promised.
 */
import assert from 'node:assert/strict'
import { assertExact } from '../support/ledger.ts'
import { createPlatter, type DiskStep, type Platter } from '../support/memory-disk.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'
import { cutPower, type Loss, losses, someLoss } from './power-cut.ts'
import { beginLife, sequenceOf, spoolFiles, weightIn } from './stage.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'

type Fsync = 'batch' | 'interval'

/** What a life did to its disk. */
interface Trace {
  readonly steps: readonly DiskStep[]
  /** Before each step, and after the last: events that the ledger said wait on disk alone, and the time in milliseconds. */
  readonly said: readonly { readonly spooled: number; readonly at: number }[]
}

/** The same numbers each time. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

describe('a loss of power', function () {
  this.timeout(nightly ? 1_800_000 : 300_000)
  afterEach(endSimulated)

  /** An outage, a while in which a part of what is on disk is delivered, and another outage. */
  const trace = async (fsync: Fsync): Promise<Trace> => {
    const life = await beginLife(createPlatter(), { mode: 'always', fsync })
    const { log } = life.disk
    const now = () => ({ spooled: life.ledger().pending.spooled ?? 0, at: life.clock.now() })
    const said: ReturnType<typeof now>[] = log.map(now)
    const push = log.push.bind(log)
    log.push = (...steps) => {
      said.push(...steps.map(now))
      return push(...steps)
    }
    life.goesDown()
    await life.load(4)
    life.comesBack()
    await life.pass(3)
    life.goesDown()
    await life.pass(2)
    await life.load(2, 4)
    await life.pass(2)
    const steps = [...log]
    assert.ok(steps.length > 20)
    return { steps, said: [...said, now()] }
  }

  /** Lets another life find the disk. Everything in its directory is delivered, or counted corrupt. */
  const restore = async (platter: Platter, after: string) => {
    const found = spoolFiles(platter).reduce((sum, path) => sum + weightIn(path), 0)
    const life = await beginLife(platter, { mode: 'always' })
    await life.pass(20)
    const ledger = life.ledger()
    const names = life.names()
    assertExact(ledger, after)
    assert.equal(ledger.restored, found, after)
    assert.equal(ledger.delivered + (ledger.dropped.spool_corrupt ?? 0), found, after)
    await endSimulated()
    return { ledger, names }
  }

  const arrivedIn = (steps: readonly DiskStep[]): ReadonlySet<string> =>
    new Set(steps.flatMap((step) => (step.type === 'arrive' ? step.names : [])))

  const everyLoss: readonly (readonly [string, () => Loss])[] = [
    ...Object.entries(losses).map(([name, loss]) => [name, () => loss] as const),
    ...Array.from({ length: nightly ? 20 : 2 }, (_, i) => {
      const random = randomFrom(i + 1)
      return [`some of it (${i + 1})`, () => someLoss(random)] as const
    }),
  ]

  for (const [name, loss] of everyLoss) {
    it(`restores all that the ledger called spooled, at every moment, if the disk keeps of the rest ${name}`, async () => {
      const { steps, said } = await trace('batch')
      let most = 0
      for (let count = 0; count <= steps.length; count += 1) {
        const before = steps.slice(0, count)
        const after = `after ${count} steps`
        const { ledger, names } = await restore(cutPower(before, loss()), after)
        // A file that has its name is whole: the name came after the content.
        assert.deepEqual(ledger.dropped, {}, after)
        assert.ok(
          ledger.delivered >= said[count]!.spooled,
          `${after}: ${ledger.delivered} of ${said[count]!.spooled}`,
        )
        const arrived = arrivedIn(before)
        const duplicates = names.filter((one) => arrived.has(one)).length
        most = Math.max(most, duplicates)
        assert.ok(duplicates <= ledger.ambiguous, `${after}: ${duplicates} duplicates`)
      }
      assert.ok(most > 0, 'some of the moments make duplicates')
    })

    it(`costs at most the last second with fsync = "interval", at every moment, if it keeps ${name}`, async () => {
      const { steps, said } = await trace('interval')
      const first = steps.findIndex(({ type }) => type === 'rename')
      const atOnce = steps.filter(({ type }, i) => type === 'fsync' && said[i]!.at === said[first]!.at)
      assert.deepEqual(atOnce, [], 'what is written is not synced at once')
      /** Those that were written a second ago and were not removed: by number, the events. */
      const due = (count: number): Map<string, number> => {
        const files = new Map<string, number>()
        for (const [i, step] of steps.slice(0, count).entries()) {
          if (step.type === 'rename' && said[i]!.at < said[count]!.at - 1_000)
            files.set(sequenceOf(step.to), weightIn(step.to))
          else if (step.type === 'unlink' && step.path.endsWith('.spool')) files.delete(sequenceOf(step.path))
        }
        return files
      }
      for (let count = 0; count <= steps.length; count += 1) {
        const platter = cutPower(steps.slice(0, count), loss())
        const promised = due(count)
        const found = new Set(spoolFiles(platter).map(sequenceOf))
        for (const one of promised.keys()) assert.ok(found.has(one), `after ${count} steps`)
        const { ledger, names } = await restore(platter, `after ${count} steps`)
        // What was sent in the last second may come again without being called ambiguous.
        const arrived = arrivedIn(
          steps.slice(0, count).filter((_, i) => said[i]!.at < said[count]!.at - 1_000),
        )
        const duplicates = names.filter((one) => arrived.has(one)).length
        assert.ok(duplicates <= ledger.ambiguous, `after ${count} steps: ${duplicates} duplicates`)
        const events = [...promised.values()].reduce((sum, weight) => sum + weight, 0)
        assert.ok(ledger.delivered >= events, `after ${count} steps`)
      }
    })
  }

  it('spares a file that gets another name while it is to be synced', async () => {
    const life = await beginLife(createPlatter(), { mode: 'always', fsync: 'interval' })
    life.goesDown()
    life.emit(10)
    let release: (() => void) | undefined
    life.disk.fault = (operation, path) => {
      if (operation !== 'rename' || path.endsWith('.part') || release) return undefined
      return new Promise((resolve) => {
        release = resolve
      })
    }
    for (let i = 0; i < 200 && release === undefined; i += 1) await life.pass(0.05)
    const [before] = spoolFiles(life.disk)
    await life.pass(1.2)
    release!()
    await life.pass(0.1)
    const [path = ''] = spoolFiles(life.disk)
    assert.notEqual(path, before)
    const left = cutPower(life.disk.log, losses.nothing!)
    const [found = ''] = spoolFiles(left)
    assert.equal(sequenceOf(found), sequenceOf(path))
    assert.ok(left.files.get(found)!.equals(life.disk.files.get(path)!))
  })
})
