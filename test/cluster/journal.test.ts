// Guards that the next hub has what the one before has taken: all of it or, where it could not be kept, nothing.
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Journal, openJournal } from '../../src/cluster/journal.ts'

interface Kept {
  readonly journal: Journal
  readonly entries: number[]
  append(value: number): Promise<void>
}

describe('the journal of a hub', () => {
  let folder: string
  let opened: Journal[]
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'telemachine-journal-'))
    opened = []
  })
  afterEach(async () => {
    for (const journal of opened) await journal.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** A hub that keeps numbers; its snapshot is their list. */
  async function open(epoch: number, minBytes?: number): Promise<Kept> {
    const entries: number[] = []
    const journal = await openJournal({
      ...{ folder, epoch, ...(minBytes !== undefined && { minBytes }) },
      replay: ({ value }) => void entries.push(value as number),
      snapshot: () => entries.map((value) => ({ value })),
    })
    opened.push(journal)
    const append = (value: number): Promise<void> =>
      new Promise((resolve) =>
        journal.append({ value }, () => {
          entries.push(value)
          resolve()
        }),
      )
    return { journal, entries, append }
  }

  it('is continued by the next hub, which leaves no other file behind', async () => {
    const first = await open(1)
    await Promise.all([first.append(1), first.append(2)])
    const second = await open(2)
    assert.deepEqual(second.entries, [1, 2])
    assert.equal(second.journal.lineage, first.journal.lineage)
    assert.deepEqual(readdirSync(folder), ['journal-2'])
    await second.append(3)
    assert.deepEqual((await open(3)).entries, [1, 2, 3])
  })

  it('stays when entries come while it closes: they are not written, and not reported as written', async () => {
    const first = await open(1)
    await first.append(1)
    const closing = first.journal.close()
    const late: number[] = []
    for (let i = 0; i < 10; i++) {
      first.journal.append({ value: i }, () => late.push(i))
      await Promise.resolve()
    }
    await closing
    const second = await open(2)
    assert.deepEqual(second.entries, [1])
    assert.equal(second.journal.lineage, first.journal.lineage)
    assert.deepEqual(late, [])
  })

  it('ends before an entry that was cut short by a kill', async () => {
    await (await open(1)).append(1)
    appendFileSync(join(folder, 'journal-1'), '{"value":2')
    const second = await open(2)
    assert.deepEqual(second.entries, [1])
    await second.append(3)
    assert.deepEqual((await open(3)).entries, [1, 3])
  })

  it('is compacted when it has grown, with all that came meanwhile', async () => {
    const kept = await open(1, 200)
    const sizes = new Set<number>()
    for (let i = 0; i < 60; i++) {
      await Promise.all([kept.append(i), kept.append(-i)])
      sizes.add(statSync(join(folder, 'journal-1')).size)
      if (i % 10 === 0) kept.entries.length = 0
    }
    assert.ok([...sizes].some((size, i, all) => i > 0 && size < all[i - 1]!))
    assert.deepEqual((await open(2)).entries, kept.entries)
  })

  it('that fails is no journal: the next hub begins another one', async () => {
    const first = await open(1)
    await first.append(1)
    await first.journal.close()
    rmSync(folder, { recursive: true })
    const second = await open(2)
    assert.match(second.journal.failure ?? '', /ENOENT/)
    await second.append(2)
    const third = await open(3)
    assert.deepEqual(third.entries, [])
    assert.notEqual(third.journal.lineage, first.journal.lineage)
  })
})
