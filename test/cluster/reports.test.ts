// Guards that what is reported comes into the totals exactly once, whatever becomes of connections and hubs, and that the
// totals of many have the limits of one page.
import assert from 'node:assert/strict'
import { createReporter, newShipping, type Report, type Shipping } from '../../src/cluster/reporter.ts'
import type { Family } from '../../src/exporters/prometheus/aggregate/families.ts'
import type { State } from '../../src/exporters/prometheus/aggregate/state.ts'
import { createSource } from '../../src/exporters/prometheus/cluster/report.ts'
import { createTotals, type Totals } from '../../src/exporters/prometheus/cluster/totals.ts'
import type { PlainFamily } from '../../src/exporters/prometheus/page/render.ts'
import { readSettings } from '../../src/exporters/prometheus/settings.ts'
import { createRandom } from '../chaos/random.ts'
import { drivePrometheus } from '../exporters/prometheus/driven.ts'

const clock = { now: () => 0, setTimeout: () => 0, clearTimeout: () => {} }

/** Takes reports as a hub does, as long as its connections live. */
function createModelHub(lineage: string, settings = {}) {
  const totals = createTotals(() => readSettings(settings))
  const seqs = new Map<string, number>()
  return {
    ...{ lineage, totals },
    seqOf: ({ id }: Shipping) => seqs.get(id) ?? 0,
    take({ id }: Shipping, { seq, sums, live }: Report) {
      totals.set(id, id, overTheWire(live))
      if (seq <= (seqs.get(id) ?? 0)) return
      seqs.set(id, seq)
      totals.add(overTheWire(sums))
    },
    /** The hub that follows it, with what it has kept. */
    next() {
      const successor = createModelHub(lineage, settings)
      for (const sums of totals.sums()) successor.totals.add(overTheWire(sums))
      for (const [id, seq] of seqs) successor.seqs.set(id, seq)
      return successor
    },
    seqs,
  }
}

const overTheWire = <T>(value: T): T => JSON.parse(JSON.stringify(value))

const contentOf = (families: readonly Family[]) =>
  Object.fromEntries(
    families.flatMap(({ name, series, overflow }) =>
      [...series.values(), ...(overflow ? [overflow] : [])].map(({ text, value, counts, count }) => [
        `${name}{${text}}`,
        { value, counts, count },
      ]),
    ),
  )

describe('reports', () => {
  const settings = { max_series: 12 }
  const newWorker = (plain: () => PlainFamily[] = () => []) => {
    const { emit, state } = drivePrometheus({}, settings)
    const shipping = newShipping()
    const source = createSource({ state: state as State, collect: async () => plain() })
    return { emit, state, shipping, reporter: createReporter(source, shipping, clock) }
  }
  const connect = (
    { reporter, shipping }: ReturnType<typeof newWorker>,
    hub: ReturnType<typeof createModelHub>,
  ) => reporter.connect(async (report) => hub.take(shipping, report), hub.lineage, hub.seqOf(shipping))

  it('count once, though connections are lost before and after they arrive, and hubs are followed by others', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const { next: random } = createRandom(seed)
      const workers = [newWorker(), newWorker()]
      let hub = createModelHub('first')
      let lineages = 0
      for (let step = 0; step < 60; step++) {
        const worker = workers[Math.floor(random() * 2)]!
        const { reporter, shipping, emit } = worker
        const choice = random()
        if (choice < 0.5)
          emit(
            `job${Math.floor(random() * 3)}`,
            { count: 1 + Math.floor(random() * 5), duration_ms: 2 ** Math.floor(random() * 12) * 1000 },
            { n: Math.floor(random() * 20) },
          )
        else if (choice < 0.6) hub = hub.next()
        else if (choice < 0.62) hub = createModelHub(`other ${++lineages}`)
        else {
          const current = hub
          const fate = random()
          reporter.connect(
            async (report) => {
              if (fate < 0.4) throw new Error('lost before')
              current.take(shipping, report)
              if (fate < 0.7) throw new Error('lost after')
            },
            current.lineage,
            current.seqOf(shipping),
          )
          await reporter.report().catch(() => {})
          if (fate < 0.7) reporter.disconnect()
        }
      }
      // A hub that lost everything has it again, since nobody has died.
      for (const worker of workers) {
        connect(worker, hub)
        await worker.reporter.report()
      }
      const expected = createTotals(() => readSettings(settings))
      for (const { state } of workers) {
        const fresh = newShipping()
        for await (const { sums } of createSource({ state: state as State, collect: async () => [] }).changes(
          fresh,
        ))
          expected.add(sums)
      }
      assert.deepEqual(sumsByFamily(hub.totals), sumsByFamily(expected), `seed ${seed}`)
    }
  })

  it('of a worker with other buckets keep sum and count exact, and never count a value as lower than it was', async () => {
    const hub = createModelHub('one')
    for (const buckets of [
      [0.1, 1, 10],
      [0.05, 0.5, 5, 50],
    ]) {
      const { emit, state } = drivePrometheus({}, { buckets })
      emit('job', { duration_ms: 50 })
      emit('job', { duration_ms: 2000 })
      const shipping = newShipping()
      const reporter = createReporter(
        createSource({ state: state as State, collect: async () => [] }),
        shipping,
        clock,
      )
      reporter.connect(async (report) => hub.take(shipping, report), 'one', 0)
      await reporter.report()
    }
    const { counts, count, value } = Object.values(contentOf(hub.totals.families()))[0]!
    assert.deepEqual({ counts, count, value }, { counts: [2, 0, 2, 0], count: 4, value: 4.1 })
  })

  it('of many workers have one page’s limits together; the overflow takes the rest', async () => {
    const hub = createModelHub('one', { max_series: 5 })
    for (const who of ['a', 'b', 'c']) {
      const worker = newWorker()
      for (let i = 0; i < 4; i++) worker.emit('job', { count: 1 }, { user: `${who}${i}` })
      connect(worker, hub)
      await worker.reporter.report()
    }
    const [family] = hub.totals.families()
    assert.equal(family!.series.size, 5)
    assert.equal(family!.overflow!.value, 7)
    assert.equal(family!.culprit, 'user')
  })

  it('of gauges have the limit of one page, for all metrics and workers together, and those who leave make room', () => {
    const { totals } = createModelHub('one', { max_total_series: 6 })
    const gauge = (name: string, rule: string, ...values: number[]) => [
      {
        ...{ name, base: name, type: 'gauge', help: 'h', rule },
        series: values.map((value, i) => [`n="${i}"`, value]),
      },
    ]
    const shown = () =>
      totals.families().map(({ name, series }) => [name, [...series.values()].map(({ value }) => value)])
    for (const who of ['a', 'b']) {
      totals.set(who, who, gauge('size', 'sum', 1, 2, 3))
      totals.set(who, who, gauge('depth', 'worker', 4, 5))
    }
    assert.deepEqual(shown(), [
      ['size', [2, 4, 6]],
      ['depth', [4, 4, 5]],
    ])
    assert.equal(totals.gauges.refused, 1)
    totals.forget('a')
    totals.set('b', 'b', gauge('depth', 'worker', 4, 5))
    assert.deepEqual(shown(), [
      ['size', [1, 2, 3]],
      ['depth', [4, 5]],
    ])
  })

  it('of a gauge declared in the configuration follow its across_workers', async () => {
    const hub = createModelHub('one')
    for (const [i, depth] of [5, 7, 3].entries()) {
      const metrics = ['min', 'max', 'worker'].map((rule) => ({
        ...{ event: 'queue', type: 'last_value', name: rule, measurement: 'depth', across_workers: rule },
      }))
      const { emit, state } = drivePrometheus({}, { metrics })
      emit('queue', { depth })
      const shipping = newShipping()
      for await (const { live } of createSource({ state: state as State, collect: async () => [] }).changes(
        shipping,
      ))
        hub.totals.set(shipping.id, String(i), overTheWire(live))
    }
    const values = hub.totals
      .families()
      .map(({ name, series }) => [name, [...series.values()].map(({ value }) => value)])
    assert.deepEqual(values, [
      ['min', [3]],
      ['max', [7]],
      ['worker', [5, 7, 3]],
    ])
  })

  it('of metrics of others count on after a reset, and forget a gauge that is gone', async () => {
    let counted = 5
    let depths: [string, number][] = [
      ['a', 1],
      ['b', 2],
    ]
    const worker = newWorker(() => [
      {
        name: 'own_total',
        type: 'counter',
        help: 'h',
        samples: [{ suffix: '', labels: [], value: counted }],
      },
      {
        ...{ name: 'depth', type: 'gauge', help: 'h', aggregator: 'sum' },
        samples: depths.map(([queue, value]) => ({ suffix: '', labels: [['queue', queue]], value })),
      },
    ])
    const hub = createModelHub('one')
    connect(worker, hub)
    await worker.reporter.report()
    counted = 2
    depths = [['b', 3]]
    await worker.reporter.report()
    assert.deepEqual([...hub.totals.plain.get('own_total')!.samples], [['{', 7]])
    assert.deepEqual([...hub.totals.gauges.plain().get('depth')!.samples], [['{queue="b"', 3]])
  })

  it('of one name and two kinds: the first one has it, and the status names it', async () => {
    const hub = createModelHub('one')
    const portion = { name: 'job_total', base: 'job', help: 'h' }
    hub.totals.add([{ ...portion, type: 'counter', series: [['', 1]] }])
    hub.totals.add([{ ...portion, type: 'histogram', series: [['', 1, 1]] }])
    assert.deepEqual([...hub.totals.conflicts], ['job_total'])
    assert.equal(hub.totals.families()[0]!.series.get('')!.value, 1)
  })
})

/** Overflow may take other series on another way: then only the sum of a family is the same. */
function sumsByFamily({ families }: Totals): Record<string, number[]> {
  const sums: Record<string, number[]> = {}
  for (const { name, series, overflow } of families()) {
    const all = [...series.values(), ...(overflow ? [overflow] : [])]
    sums[name] = [
      all.reduce((sum, one) => sum + one.value, 0),
      all.reduce((sum, one) => sum + one.count, 0),
      ...(all[0]?.counts ?? []).map((_, i) => all.reduce((sum, one) => sum + one.counts[i]!, 0)),
    ]
  }
  return sums
}
