// Guards what every exporter of metrics gets from the shared aggregation: windows, the overflow rule, declared metrics.
import assert from 'node:assert/strict'
import { EventRecord } from '../../src/bus/snapshot.ts'
import { type Accumulation, add, newSeries, observe, set } from '../../src/metrics/accumulation.ts'
import { type Aggregate, emptyAggregate } from '../../src/metrics/aggregate.ts'
import { lastValue } from '../../src/metrics/declared.ts'
import { admit, type Family } from '../../src/metrics/families.ts'
import { createIngest } from '../../src/metrics/ingest.ts'

interface State extends Aggregate<Accumulation> {
  readonly families: Map<string, Family<Accumulation>>
}

/** The smallest exporter of metrics: sums by their `queue`, two series a family, in windows. */
function smallest() {
  const state: State = { ...emptyAggregate<Accumulation>(), families: new Map() }
  const drops: string[] = []
  let layouts = 0
  const familyCalled = (name: string): Family<Accumulation> => {
    const known = state.families.get(name)
    if (known) return known
    const make = (text: string): Accumulation => newSeries(text, [], state.window)
    const family: Family<Accumulation> = {
      ...{ name, series: new Map(), overflow: undefined },
      seriesOf: (text) =>
        admit(family, text, {
          limitFor: () => (family.series.size < 2 ? undefined : 'two'),
          make,
          makeOverflow: () => make('overflow'),
        }),
    }
    state.families.set(name, family)
    return family
  }
  const ingest = createIngest<State, Accumulation>({
    ...{ add, set, observe, durationUnitMs: 1 },
    configure: () => {
      state.labelRule = (key) => (key === 'queue' ? key : undefined)
      state.maxRemembered = 1000
    },
    layoutOf: (named) => (values, start) => {
      layouts++
      return named.map(({ name, offset }) => `${name}=${values[start + offset]}`).join()
    },
    inferredName: (_, part, eventName) => `${eventName}.${part}`,
    familyOf: (_, part, eventName) => familyCalled(`${eventName}.${part}`),
  })
  const sink = { state, config: {}, drop: (reason: string) => void drops.push(reason) }
  const emit = (measurements: object, metadata: object = {}): void => {
    const fields = [...Object.entries(measurements), ...Object.entries(metadata)].flat()
    const start = Object.keys(measurements).length * 2
    ingest(new EventRecord('job', 0, fields, start, undefined, 'caller'), sink)
  }
  const sums = (name: string) => {
    const { series, overflow } = familyCalled(name)
    return [...series.values(), ...(overflow ? [overflow] : [])].map(({ text, value }) => [text, value])
  }
  const nextWindow = (): void => {
    for (const family of state.families.values()) {
      family.series.clear()
      family.overflow = undefined
    }
    state.window++
  }
  return { state, drops, emit, sums, nextWindow, familyCalled, layoutsMade: () => layouts }
}

describe('the aggregation of metrics', () => {
  it('begins new series with the labels of the old ones when a window is over', () => {
    const { emit, sums, nextWindow, layoutsMade } = smallest()
    emit({ count: 1 }, { queue: 'mail', id: 1 })
    emit({ count: 2 }, { queue: 'mail', id: 2 })
    nextWindow()
    emit({ count: 4 }, { queue: 'mail', id: 3 })
    assert.deepEqual(sums('job.count'), [['queue=mail', 4]])
    assert.equal(layoutsMade(), 1)
  })

  it('makes the labels of an event once for its count and its duration', () => {
    const { emit, sums, layoutsMade } = smallest()
    emit({ count: 1, duration_ms: 5 }, { queue: 'mail' })
    assert.deepEqual([sums('job.count'), sums('job.duration')], [[['queue=mail', 1]], [['queue=mail', 5]]])
    assert.equal(layoutsMade(), 1)
  })

  it('adds what a limit leaves over to one overflow series', () => {
    const { emit, sums, drops } = smallest()
    for (const queue of ['a', 'b', 'c', 'd', 'a']) emit({ count: 1 }, { queue })
    assert.deepEqual(sums('job.count'), [
      ['queue=a', 2],
      ['queue=b', 1],
      ['overflow', 2],
    ])
    assert.deepEqual(drops, [])
  })

  it('drops an event with a reason when none of its measurements is applied', () => {
    const { emit, drops, state } = smallest()
    emit({ other: 1 })
    emit({ count: -1, duration_ms: Number.NaN })
    emit({ count: 1, duration_ms: -1 })
    assert.deepEqual(drops, ['ignored', 'refused'])
    assert.equal(state.refused, 3)
  })

  it('measures a declared metric in place of the inferred one of its name', () => {
    const { emit, sums, state, familyCalled } = smallest()
    const metric = lastValue('job', { name: 'job.count', measurement: 'count' })
    state.declared.push({ metric, family: familyCalled('job.count'), layout: () => 'all' })
    emit({ count: 3 }, { queue: 'mail' })
    emit({ count: 2 }, { queue: 'mail' })
    assert.deepEqual(sums('job.count'), [['all', 2]])
  })
})
