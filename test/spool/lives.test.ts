/**
 * A file that ends every process that sends it must not do so for ever, and an outage that outlasts many processes must
 * cost no file: only lives that ended while a file was being sent count.
 */
import assert from 'node:assert/strict'
import { assertExact } from '../support/ledger.ts'
import { createPlatter, type Platter } from '../support/memory-disk.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'
import { type Backend, beginLife, directory, spoolFiles, weightIn } from './stage.ts'

const livesIn = (path: string): number => Number(/a-(\d+)l-/.exec(path)![1])
const attemptsIn = (path: string): number => Number(/b-(\d+)a-/.exec(path)![1])
const weightOf = (paths: readonly string[]): number => paths.reduce((sum, path) => sum + weightIn(path), 0)
const setAside = ({ files }: Platter): string[] =>
  [...files.keys()].filter((path) => path.includes('/quarantine/'))

/** A directory with the files of a life that was killed in an outage. */
const leave = async (seconds: number): Promise<Platter> => {
  const platter = createPlatter()
  const life = await beginLife(platter, { mode: 'always' }, { queue_size: 1000 })
  life.goesDown()
  await life.load(seconds)
  life.disk.kill()
  return platter
}

describe('a file of a spool', () => {
  afterEach(endSimulated)

  /** Lives that are killed, until nothing is left to send. Returns how many. */
  const killAll = async (platter: Platter, backend: Backend, most: number): Promise<number> => {
    for (let lives = 0; lives < most; lives += 1) {
      if (spoolFiles(platter).length === 0) return lives
      const life = await beginLife(platter, { mode: 'always' }, {}, backend)
      await life.pass(1)
      assertExact(life.ledger())
      life.disk.kill()
    }
    return most
  }

  it('is set aside when five lives have ended while they sent it', async () => {
    const platter = await leave(5)
    const total = weightOf(spoolFiles(platter))
    const lives = await killAll(platter, 'silent', 100)
    assert.ok(lives > 5 && lives < 100, `${lives} lives`)
    assert.equal(weightOf(setAside(platter)), total)
    const last = await beginLife(platter, { mode: 'always' })
    assert.equal(last.spool().quarantined, setAside(platter).length)
  })

  it('is kept through any number of lives that were killed in an outage, after the backend had failed', async () => {
    const platter = await leave(5)
    const total = weightOf(spoolFiles(platter))
    assert.equal(await killAll(platter, 'down', 30), 30)
    assert.deepEqual(setAside(platter), [])
    assert.ok(spoolFiles(platter).every((path) => livesIn(path) === 0))

    const last = await beginLife(platter, { mode: 'always' })
    await last.pass(60)
    assert.equal(last.ledger().delivered, total)
    assert.deepEqual(last.ledger().dropped, {})
  })

  it('is kept through any number of stops in an outage', async () => {
    const platter = await leave(5)
    const total = weightOf(spoolFiles(platter))
    for (let i = 0; i < 12; i += 1) {
      const life = await beginLife(platter, { mode: 'always' }, {}, i % 2 ? 'silent' : 'down')
      await life.pass(1)
      await life.end()
      life.disk.kill()
      assert.equal(weightOf(spoolFiles(platter)), total, `after ${i + 1} stops`)
    }
    assert.deepEqual(setAside(platter), [])
  })

  it('is not touched while the breaker is open', async () => {
    const platter = await leave(5)
    const before = spoolFiles(platter)
    for (let i = 0; i < 8; i += 1) {
      const life = await beginLife(platter, { mode: 'always' }, { enabled: false })
      life.telemetry.breaker('test').forceOpen()
      await Promise.all([life.telemetry.config.put('test.enabled', true), life.pass(5)])
      assert.equal(life.spool().state, 'ready')
      life.disk.kill()
      assert.deepEqual(spoolFiles(platter), before)
    }
  })

  it('that was read and not sent goes back as it was, before the others', async () => {
    const platter = await leave(5)
    const before = spoolFiles(platter)
    const life = await beginLife(platter, { mode: 'always' }, { enabled: false })
    let release = (): void => {}
    life.disk.fault = (operation, path) =>
      operation === 'read' && path.startsWith(directory)
        ? new Promise((resolve) => {
            release = resolve
          })
        : undefined
    await Promise.all([life.telemetry.config.put('test.enabled', true), life.pass(0.5)])
    life.telemetry.breaker('test').forceOpen()
    await life.settle()
    life.disk.fault = () => {}
    release()
    await life.settle()
    assert.ok(life.disk.log.some((step) => step.type === 'rename' && livesIn(step.to) === 1))
    assert.deepEqual(spoolFiles(platter), before)
    assert.equal(life.ledger().pending.spooled, weightOf(before))
    life.telemetry.breaker('test').reset()
    await life.pass(30)
    assert.equal(life.ledger().delivered, weightOf(before))
    assertExact(life.ledger())
  })

  it('says in its name how often it may have been sent, and goes last then', async () => {
    const platter = await leave(8)
    const life = await beginLife(platter, { mode: 'always' }, { max_in_flight: 1 }, 'silent')
    await life.pass(0.5)
    life.disk.kill()
    const sent = spoolFiles(platter).filter((path) => attemptsIn(path) > 0)
    assert.ok(sent.length > 0 && sent.length < spoolFiles(platter).length)
    const next = await beginLife(platter, { mode: 'always' }, { max_in_flight: 1 })
    await next.pass(30)
    assert.equal(next.ledger().ambiguous, weightOf(sent))
    const names = next.names()
    assert.equal(names.length, 80)
    assert.equal(next.ledger().delivered, 80)
    const certain = 80 - weightOf(sent)
    assert.equal(new Set(names.slice(0, certain).map((name) => name.split('.')[1])).size, certain / 10)
  })
})

describe('the quarantine of a spool', () => {
  afterEach(endSimulated)

  it('keeps the last 64 files, and counts all of them', async () => {
    const platter = await leave(80)
    const files = spoolFiles(platter)
    assert.ok(files.length > 70, `${files.length} files`)
    for (const path of files) platter.files.set(path, Buffer.from('torn'))
    const life = await beginLife(platter, { mode: 'always' })
    await life.pass(120)
    assert.deepEqual(life.ledger().dropped, { spool_corrupt: weightOf(files) })
    assert.equal(setAside(platter).length, 64)
    assert.equal(life.spool().quarantined, 64)
    assert.deepEqual(spoolFiles(platter), [])
    assertExact(life.ledger())
  })
})
