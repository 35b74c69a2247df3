// Guards the watching of the file, with real files: renames, editors, Kubernetes volumes, deletion; and that a bad
// file changes nothing.
import assert from 'node:assert/strict'
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { StoreOptions } from '../../src/config/contract.ts'
import type { SettledChange } from '../../src/config/reporting/reports.ts'
import { decidingEntries } from '../../src/config/sources/watch.ts'
import { inTime } from '../support/in-time.ts'
import { createStore, removeTemporary, temporaryDirectory, temporaryFile } from './fake.ts'

const saying = (size: number): string => `[telemetry.otel]\nbatch_size = ${size}\n`

async function watching(file: string, options: Partial<StoreOptions> = {}) {
  const { store, lines, plans } = createStore({ file, ...options })
  const settled: SettledChange[] = []
  let wake = (): void => {}
  store.onSettled((change) => {
    settled.push(change)
    wake()
  })
  await store.start()
  const next = async (): Promise<SettledChange> => {
    while (settled.length === 0)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    return settled.shift()!
  }
  const size = (): unknown => store.get('otel.batch_size')
  return { store, next, size, lines, plans, settled }
}

describe('a watched configuration file', () => {
  afterEach(removeTemporary)

  it('may be written in place', async () => {
    const file = temporaryFile(saying(1))
    const { store, next, size } = await watching(file)
    writeFileSync(file, saying(2))
    assert.deepEqual([(await next()).source, size()], ['file', 2])
    writeFileSync(file, saying(3))
    await next()
    assert.equal(size(), 3)
    await store.stop()
  })

  it('is heard of long before it is looked at again, however it changes', async () => {
    const file = temporaryFile(saying(1))
    const { store, next } = await watching(file)
    const changed = async (): Promise<void> => {
      writeFileSync(file, saying(2))
      await next()
      writeFileSync(`${file}.tmp`, saying(3))
      renameSync(`${file}.tmp`, file)
      await next()
    }
    await inTime(4000, 'both changes', changed())
    await store.stop()
  })

  it('may be replaced by a rename, again and again', async () => {
    const file = temporaryFile(saying(1))
    const { store, next, size } = await watching(file)
    for (const i of [2, 3, 4]) {
      writeFileSync(`${file}.tmp`, saying(i))
      renameSync(`${file}.tmp`, file)
      await next()
      assert.equal(size(), i)
    }
    await store.stop()
  })

  it('may be saved as editors do: moved away, written again, the copy removed', async () => {
    const file = temporaryFile(saying(1))
    const { store, next, size, plans } = await watching(file)
    renameSync(file, `${file}~`)
    writeFileSync(file, saying(2))
    rmSync(`${file}~`)
    await next()
    truncateSync(file)
    writeFileSync(file, saying(3))
    await next()
    assert.equal(size(), 3)
    assert.equal(plans.length, 2)
    await store.stop()
  })

  it('may be a Kubernetes volume, whose ..data is swapped', async () => {
    const volume = temporaryDirectory()
    const version = (i: number): void => {
      const name = `..2026_${i}`
      mkdirSync(join(volume, name))
      writeFileSync(join(volume, name, 'telemetry.toml'), saying(i))
      symlinkSync(name, join(volume, '..data_tmp'))
      renameSync(join(volume, '..data_tmp'), join(volume, '..data'))
      rmSync(join(volume, `..2026_${i - 1}`), { recursive: true, force: true })
    }
    version(1)
    symlinkSync('..data/telemetry.toml', join(volume, 'telemetry.toml'))
    const outside = join(temporaryDirectory(), 'link.toml')
    symlinkSync(join(volume, 'telemetry.toml'), outside)
    assert.deepEqual(
      [...decidingEntries(outside).keys()],
      [dirname(outside), volume, join(volume, '..2026_1')],
    )
    const { store, next, size } = await watching(outside)
    for (const i of [2, 3, 4]) {
      version(i)
      await next()
      assert.equal(size(), i)
    }
    await store.stop()
  })

  it('keeps the last good one when the new one is bad, and says why', async () => {
    const file = temporaryFile(saying(1))
    const { store, next, size, lines } = await watching(file)
    for (const [text, what] of [
      ['[telemetry.otel]\nbatch_size = \n', /not valid TOML/],
      ['[telemetry.otel]\nbatch_size = 0\n', /:2:1\) is 0, but must be an integer/],
      ['', /empty/],
      ['[telemetry.otel]\ntype = "page"\n', /can't change/],
    ] as const) {
      writeFileSync(`${file}.tmp`, text)
      renameSync(`${file}.tmp`, file)
      const { type, problems } = await next()
      assert.equal(type, 'rejected')
      assert.match(problems?.[0]?.message ?? '', what)
      assert.equal(size(), 1)
      assert.equal(store.status().rejected?.source, 'file')
    }
    assert.equal(lines.length, 4)
    writeFileSync(file, saying(2))
    await next()
    assert.equal(size(), 2)
    await store.stop()
  })

  it('changes nothing when it is deleted, and is heard again when it is back', async () => {
    const file = temporaryFile(saying(1))
    let gone = (): void => {}
    const missing = new Promise<void>((resolve) => {
      gone = resolve
    })
    const nothing = (): void => {}
    const logger = { debug: nothing, info: nothing, error: nothing, warn: () => gone() }
    const { store, next, size } = await watching(file, { logger })
    rmSync(file)
    await missing
    assert.equal(size(), 1)
    assert.equal(store.status().sources[0]?.state, 'missing')
    assert.equal(store.status().rejected, undefined)
    writeFileSync(file, saying(2))
    await next()
    assert.equal(size(), 2)
    assert.equal(store.status().sources[0]?.state, 'watching')
    await store.stop()
  })

  it('adds and removes exporters in one transaction, and leaves what runtime changes made', async () => {
    const file = temporaryFile('[telemetry.otel]\n[telemetry.page]\n')
    const { store, next, plans } = await watching(file)
    await store.put('otel.batch_size', 7)
    await next()
    writeFileSync(
      `${file}.tmp`,
      '[telemetry.otel]\nsampling_rate = 0.5\n[telemetry.otel_eu]\ntype = "otel"\n',
    )
    renameSync(`${file}.tmp`, file)
    await next()
    assert.deepEqual(
      plans[1]?.exporters.map(({ id, effect }) => `${effect} ${id}`),
      ['hot otel', 'remove page', 'add otel_eu'],
    )
    assert.equal(store.get('otel.batch_size'), 7)
    await store.stop()
  })

  it('is no longer watched after the stop', async () => {
    const file = temporaryFile(saying(1))
    const { store, settled } = await watching(file)
    await store.stop()
    writeFileSync(file, saying(2))
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(settled, [])
    assert.match(readFileSync(file, 'utf8'), /2/)
  })
})
