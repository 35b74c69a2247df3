/**
 * SIGKILL keeps what the kernel has cached; a loss of power does not. Every prefix of what was written, synced, renamed
 * and removed is replayed as a disk that lost all that was not synced, or only some of it, and restores what was promised.
 */
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { assertExact } from '../support/ledger.ts'
import { createPlatter, type DiskStep, type Platter } from '../support/memory-disk.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'
import { beginLife, directory, spoolFiles, weightIn } from './stage.ts'

/** What of the steps since the last sync is on the disk: nothing, everything, or names without their contents. */
type Loss = 'all' | 'none' | 'contents'

interface Replayed {
  readonly platter: Platter
  /** Files that were promised: synced, renamed and their names synced. */
  readonly promised: ReadonlySet<string>
}

/** The disk after a loss of power. */
function replay(steps: readonly DiskStep[], loss: Loss): Replayed {
  const contents = new Map<string, Buffer>()
  const syncedContents = new Set<Buffer>()
  /** Names on the disk, and as the process saw them. */
  let onDisk = new Map<string, Buffer>()
  for (const step of steps) {
    if (step.type === 'arrive') continue
    if (step.type === 'write') contents.set(step.path, step.content)
    else if (step.type === 'unlink') contents.delete(step.path)
    else if (step.type === 'rename') {
      contents.set(step.to, contents.get(step.path)!)
      contents.delete(step.path)
    } else if (contents.has(step.path)) syncedContents.add(contents.get(step.path)!)
    else onDisk = new Map([...contents].filter(([path]) => dirname(path) === step.path))
  }
  const promised = new Set([...onDisk.keys()].filter((path) => path.endsWith('.spool')))
  const names = loss === 'all' ? onDisk : contents
  const platter = createPlatter()
  platter.directories.add(directory)
  for (const [path, content] of names) {
    const isWhole = syncedContents.has(content) || loss === 'none'
    platter.files.set(path, isWhole ? content : content.subarray(0, content.length >> 1))
  }
  return { platter, promised }
}

const sequenceOf = (path: string): string => /(\d{17})-/.exec(path)![1]!

describe('a loss of power', function () {
  this.timeout(120_000)
  afterEach(endSimulated)

  const trace = async (fsync: string): Promise<readonly DiskStep[]> => {
    const life = await beginLife(createPlatter(), { mode: 'always', fsync })
    life.goesDown()
    await life.load(4)
    life.comesBack()
    await life.pass(3)
    life.goesDown()
    await life.load(2, 4)
    return [...life.disk.log]
  }

  for (const loss of ['all', 'none', 'contents'] as const)
    it(`restores every file that was promised, at every moment, if the disk keeps of the rest ${loss === 'all' ? 'nothing' : loss === 'none' ? 'everything' : 'the names alone'}`, async () => {
      const steps = await trace('batch')
      assert.ok(steps.length > 30)
      for (let count = 0; count <= steps.length; count += 1) {
        const { platter, promised } = replay(steps.slice(0, count), loss)
        const found = spoolFiles(platter)
        const removed = new Set(
          steps.slice(0, count).flatMap((step) => (step.type === 'unlink' ? [sequenceOf(step.path)] : [])),
        )
        const expected = new Set([...promised].map(sequenceOf).filter((one) => !removed.has(one)))
        for (const one of expected) assert.ok(found.some((path) => sequenceOf(path) === one))

        const total = found.reduce((sum, path) => sum + weightIn(path), 0)
        const next = await beginLife(platter, { mode: 'always' })
        await next.pass(20)
        const ledger = next.ledger()
        assertExact(ledger, `after ${count} steps`)
        assert.equal(ledger.restored, total)
        // A file that is there is whole: its name came after its content.
        assert.deepEqual(ledger.dropped, {})
        assert.equal(ledger.delivered, total)
        await endSimulated()
      }
    })

  it('costs at most the last interval with fsync = "interval"', async () => {
    const steps = await trace('interval')
    const syncs = steps.flatMap((step, i) => (step.type === 'fsync' && step.path === directory ? [i] : []))
    assert.ok(syncs.length > 3, 'it is synced about once a second')
    for (const end of syncs) {
      const { platter, promised } = replay(steps.slice(0, end + 1), 'all')
      const life = await beginLife(platter, { mode: 'always' })
      await life.pass(20)
      assert.deepEqual(life.ledger().dropped, {})
      assert.equal(
        life.ledger().delivered,
        [...promised].reduce((sum, path) => sum + weightIn(path), 0),
      )
      await endSimulated()
    }
  })

  it('never makes one duplicate that the ledger does not call ambiguous', async () => {
    const steps = await trace('batch')
    let most = 0
    for (const loss of ['all', 'none'] as const)
      for (let count = 0; count <= steps.length; count += 1) {
        const before = steps.slice(0, count)
        const arrived = new Set(before.flatMap((step) => (step.type === 'arrive' ? step.names : [])))
        const next = await beginLife(replay(before, loss).platter, { mode: 'always' })
        await next.pass(20)
        const duplicates = next.names().filter((name) => arrived.has(name)).length
        most = Math.max(most, duplicates)
        assert.ok(duplicates <= next.ledger().ambiguous, `${duplicates} after ${count} steps`)
        await endSimulated()
      }
    assert.ok(most > 0, 'some of the moments make duplicates')
  })
})
