/**
 * Windows of metrics that wait on disk are sent once, as the process that took them would have sent them. What is
 * cumulative is a state and not a queue: it is refused.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type CollectionItem, itemOf } from '../../src/exporters/otel-metrics/collection.ts'
import { createRequests } from '../../src/exporters/otel-metrics/encode/request.ts'
import { packItems, unpackItems } from '../../src/exporters/otel-metrics/packing.ts'
import { jetstreamMetrics, otelMetrics } from '../../src/index.ts'
import { type Backend, createBackend, metricTotals } from '../../src/testing/index.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { createMemoryDisk, createPlatter, type Platter } from '../support/memory-disk.ts'
import { endSimulated, startSimulated } from '../support/simulated-telemetry.ts'
import { spoolFiles } from './stage.ts'

const directory = '/spool'

describe('windows of metrics in a spool', () => {
  let backend: Backend
  beforeEach(async () => {
    backend = createBackend()
    await backend.listen()
  })
  afterEach(async () => {
    await endSimulated()
    await backend.close()
  })

  const beginLife = async (platter: Platter, service: string) => {
    const disk = createMemoryDisk(platter)
    const life = await startSimulated(
      [otelMetrics()],
      {
        otel_metrics: {
          ...{ endpoint: backend.metricsUrl, temporality: 'delta', interval: 5, service_name: service },
          ...{ event_patterns: ['job.*'], timeout: 3600, initial_reset_timeout: 1, reset_timeout: 5 },
          spool: { directory, mode: 'always' },
        },
      },
      undefined,
      undefined,
      disk,
    )
    const ledger = () => life.ledger('otel_metrics')
    return {
      ...life,
      disk,
      ledger,
      /** Emits for some seconds, so that a window ends every five. */
      async work(seconds: number) {
        for (let i = 0; i < seconds; i += 1) {
          for (let k = 0; k < 10; k += 1)
            life.telemetry.emit('job.done', { count: 2, duration_ms: 5 }, { shard: k % 3 })
          await life.pass(1)
        }
      },
      settled: () => life.clock.until(() => totalPending(ledger()) === 0, { stepMs: 500 }),
    }
  }
  const sums = (service?: string) => {
    const points = backend.points.filter(
      ({ resource }) => service === undefined || resource?.attributes['service.name'] === service,
    )
    const total = (metric: string, part: 'sum' | 'count') =>
      [...metricTotals(points, metric).values()].reduce((all, each) => all + each[part], 0)
    return { count: total('job.done', 'sum'), durations: total('job.done.duration', 'count') }
  }

  it('survive a kill, are sent once, and keep the resource of the process that took them', async () => {
    const platter = createPlatter()
    backend.fault({ type: 'status', status: 503 })
    const first = await beginLife(platter, 'first')
    await first.work(20)
    assertExact(first.ledger())
    const files = spoolFiles(platter)
    assert.ok(files.length > 0)
    first.disk.kill()
    await first.end(100)
    await backend.clear()

    const second = await beginLife(platter, 'second')
    await second.work(10)
    assert.equal((await second.telemetry.flush({ timeoutMs: 5_000 })).complete, true)
    await second.settled()
    const { restored = 0, delivered, accepted, dropped } = second.ledger()
    assertExact(second.ledger())
    assert.deepEqual(dropped, {})
    assert.ok(restored > 0 && restored <= 200)
    assert.equal(accepted - restored, 100)
    assert.equal(delivered, accepted)
    assert.deepEqual(sums('first'), { count: 2 * restored, durations: restored })
    assert.deepEqual(sums('second'), { count: 200, durations: 100 })
    assert.deepEqual(spoolFiles(platter), [])
  })

  it('add up to what was emitted where the process that took them delivers them', async () => {
    backend.fault({ type: 'status', status: 503 })
    const life = await beginLife(createPlatter(), 'only')
    await life.work(60)
    assert.ok((life.ledger().pending.spooled ?? 0) > 0)
    await backend.clear()
    await life.settled()
    assert.deepEqual(sums(), { count: 1200, durations: 600 })
    assertExact(life.ledger())
  })
})

describe('collections that are packed', () => {
  const requestsOf = (service: string) =>
    createRequests({
      resource: { attributes: { 'service.name': service } },
      scope: { name: 'test', version: '1' },
    })
  const state = { requests: requestsOf('first') }
  const later = { requests: requestsOf('second') }

  const item = fc
    .record({
      lengths: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 5 }),
      done: fc.nat(5),
      weight: fc.nat(1000),
      arrived: fc.boolean(),
      settled: fc.boolean(),
      isCumulative: fc.boolean(),
      isRefused: fc.boolean(),
    })
    .map(({ lengths, done, weight, isCumulative, isRefused, ...fate }): CollectionItem => {
      const bytes = Buffer.from(Array.from({ length: lengths.reduce((a, b) => a + b, 0) }, (_, i) => i % 256))
      let end = 0
      const pieces = lengths.map((length) => {
        end += length
        return { start: end - length, end, points: length + 1 }
      })
      return {
        ...itemOf(isCumulative ? undefined : { bytes, pieces }, weight),
        ...fate,
        pending: isCumulative ? [] : pieces.slice(done),
        refusal: isRefused ? { type: 'refused', cause: new Error('unwanted') } : undefined,
      }
    })

  const requestOf = ({ requests }: typeof state, { collection, pending }: CollectionItem) =>
    collection && Buffer.from(requests.join(collection, pending)).toString('hex')

  it('come back with what has yet to arrive of them, in requests as their process would have sent them', () => {
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 8 }), (items) => {
        const again = unpackItems(Buffer.from(packItems(items, state)))
        // Packed once more by another process, beside something of its own.
        const own = itemOf({ bytes: Buffer.of(1), pieces: [{ start: 0, end: 1, points: 1 }] }, 1)
        const twice = unpackItems(Buffer.from(packItems([...again, own], later)))
        assert.equal(requestOf(state, twice.at(-1)!), requestOf(later, own))
        assert.equal(twice.length, items.length + 1)
        for (const [i, before] of items.entries()) {
          for (const after of [again[i]!, twice[i]!]) {
            assert.equal(requestOf(later, after), requestOf(state, before))
            const facts = ({ weight, arrived, settled, refusal, pending }: CollectionItem) => [
              ...[weight, arrived, settled, refusal?.type],
              ...pending.map(({ points }) => points),
            ]
            assert.deepEqual(facts(after), facts(before))
          }
        }
      }),
    )
  })

  it('are refused where they are anything else', () => {
    const packed = Buffer.from(
      packItems([itemOf({ bytes: Buffer.alloc(9), pieces: [{ start: 0, end: 9, points: 1 }] }, 1)], state),
    )
    for (const bytes of [
      packed.subarray(0, -1),
      Buffer.concat([packed, Buffer.of(0)]),
      Buffer.from('junk'),
      Buffer.of(),
    ])
      assert.throws(() => unpackItems(bytes))
  })
})

describe('a spool of cumulative metrics', () => {
  afterEach(endSimulated)

  for (const definition of [otelMetrics(), jetstreamMetrics()])
    it(`is refused by name: ${definition.type}`, async () => {
      const { type } = definition
      const life = await startSimulated([definition], { [type]: { enabled: false } } as never)
      const put = (changes: object) => life.telemetry.config.put(changes as never)
      const refused = new RegExp(`telemetry\\.${type}\\.spool: .*temporality = "delta" alone`)
      await assert.rejects(put({ [`${type}.spool`]: { directory } }), refused)
      await put({ [`${type}.spool`]: { directory }, [`${type}.temporality`]: 'delta' })
      await assert.rejects(put({ [`${type}.temporality`]: 'cumulative' }), refused)
    })
})
