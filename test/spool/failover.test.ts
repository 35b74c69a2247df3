/** What waits on disk goes to whichever endpoint serves: to the fallback, and to the primary once a probe takes it. */
import assert from 'node:assert/strict'
import { mock } from '../../src/exporters/mock.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { createMemoryDisk, createPlatter, type Platter } from '../support/memory-disk.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'
import { down, spoolFiles, startLife } from './stage.ts'

const primary = 'http://a.example/'
const fallback = 'http://b.example/'

/** A life of a process whose exporter has two endpoints and a spool. Both are down at first, and slow if `answerMs` is long. */
async function beginLife(platter: Platter, answerMs = 0) {
  const isUp = new Set<string>()
  const taken: { readonly endpoint: string; readonly name: string }[] = []
  const definition = mock({
    type: 'test',
    schema: {
      endpoints: {
        format: 'http-urls',
        default: null,
        nullable: true,
        insteadOf: 'endpoint',
        change: 'rebuild',
        doc: 'URLs.',
      },
    },
    export: async (batch, _attempt, { config, clock }) => {
      const endpoint = String(config.endpoint)
      if (!isUp.has(endpoint)) return down
      await new Promise<void>((resolve) => void clock.setTimeout(() => resolve(), answerMs))
      taken.push(...batch.map(({ name }) => ({ endpoint, name })))
      return { type: 'delivered' }
    },
  })
  const life = await startLife(createMemoryDisk(platter), definition, {
    ...{ endpoints: [primary, fallback], max_in_flight: 1, failure_threshold: 1 },
    ...{ initial_reset_timeout: 1, reset_timeout: 5, retry_attempts: 1000 },
  })
  return {
    ...life,
    isUp,
    taken: (endpoint: string) => taken.filter((one) => one.endpoint === endpoint).map(({ name }) => name),
    serving: () =>
      life.telemetry
        .status()
        .exporters.test!.endpoints!.findIndex(({ serves }: { serves: boolean }) => serves),
    probing: () => Object(life.telemetry.snapshot().exporters.test!.failover).probe === 'probing',
  }
}

describe('a spool of an exporter with two endpoints', () => {
  afterEach(endSimulated)

  it('is emptied to the fallback while the primary is down', async () => {
    const platter = createPlatter()
    const life = await beginLife(platter)
    await life.load(30)
    assert.ok((life.ledger().pending.spooled ?? 0) > 200, JSON.stringify(life.ledger()))
    life.isUp.add(fallback)
    await life.pass(60)
    assert.equal(life.serving(), 1)
    assert.equal(new Set(life.taken(fallback)).size, 300)
    assert.equal(life.ledger().delivered, 300)
    assert.equal(totalPending(life.ledger()), 0)
    assert.deepEqual(spoolFiles(platter), [])
  })

  it('gives the probe of the primary a batch while the fallback serves', async () => {
    const platter = createPlatter()
    const first = await beginLife(platter)
    await first.load(30)
    await first.end()

    const second = await beginLife(platter, 2_000)
    second.isUp.add(fallback)
    await second.pass(20)
    assert.equal(second.serving(), 1)
    second.isUp.add(primary)
    await second.pass(15)
    assert.equal(second.serving(), 0)
    assert.ok(totalPending(second.ledger()) > 50)
    await second.pass(120)
    assert.ok(second.taken(fallback).length >= 50)
    assert.equal(second.taken(primary).length + second.taken(fallback).length, 300)
    assert.equal(new Set([...second.taken(primary), ...second.taken(fallback)]).size, 300)
    assertExact(second.ledger())
    assert.deepEqual(spoolFiles(platter), [])
  })

  it('keeps the primary from nothing while its disk hangs', async () => {
    const platter = createPlatter()
    const first = await beginLife(platter)
    await first.load(30)
    await first.end()

    const second = await beginLife(platter, 1_000)
    second.isUp.add(fallback)
    await second.pass(10)
    assert.equal(second.serving(), 1)
    const isProbeWaiting = (): boolean => {
      const { queued, in_flight: inFlight } = second.ledger().pending
      return second.probing() && queued + inFlight === 0
    }
    let hangs = false
    second.disk.fault = (operation) => {
      hangs ||= operation === 'read' && isProbeWaiting()
      return hangs ? new Promise(() => {}) : undefined
    }
    await second.pass(20)
    assert.ok(hangs, 'a probe of the primary has waited for the disk')
    second.isUp.add(primary)
    for (let i = 0; i < 30; i += 1) {
      second.emit(1, `app.late.${i}`)
      await second.pass(1)
    }
    assert.equal(second.serving(), 0)
    assertExact(second.ledger())
  })

  it('goes to the primary when that is the first to be well again, although all that waits is on disk', async () => {
    const platter = createPlatter()
    const first = await beginLife(platter)
    await first.load(30)
    await first.end()

    const second = await beginLife(platter)
    await second.pass(10)
    second.isUp.add(primary)
    await second.pass(60)
    assert.equal(second.serving(), 0)
    assert.equal(new Set(second.taken(primary)).size, 300)
    assert.equal(second.taken(primary).length, 300)
    assertExact(second.ledger())
    assert.equal(second.ledger().delivered, 300)
    assert.deepEqual(spoolFiles(platter), [])
  })

  it('is drained to the fallback when the exporter stops, each event once', async () => {
    const platter = createPlatter()
    const first = await beginLife(platter)
    await first.load(20)
    await first.end()

    const second = await beginLife(platter)
    second.isUp.add(fallback)
    const report = await second.end(5_000)
    assertExact(report.exporters.test!)
    assert.equal(report.exporters.test!.delivered, 200)
    assert.equal(second.taken(fallback).length, 200)
    assert.deepEqual(spoolFiles(platter), [])
  })
})
