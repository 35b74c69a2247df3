/**
 * What a count event and a scrape cost, beside prom-client used by hand, in one run.
 * `npx tsx bench/prometheus.ts`; the ratios are what counts, absolute figures drift with the machine.
 */
import { Counter, Histogram, Registry } from 'prom-client'
import { createBus } from '../src/bus/bus.ts'
import type { TelemetryEvent } from '../src/bus/event.ts'
import { EventRecord } from '../src/bus/snapshot.ts'
import { createSystemClock } from '../src/clock.ts'
import type { ExporterDefinition, Sink } from '../src/exporters/exporter.ts'
import type { State } from '../src/exporters/prometheus/aggregate/state.ts'
import { prometheus } from '../src/exporters/prometheus/index.ts'
import { createSlices, encodePage } from '../src/exporters/prometheus/page/page.ts'
import { renderFamilies } from '../src/exporters/prometheus/page/render.ts'

const config = { max_series: 20_000, max_metric_bytes: 1e9, max_page_bytes: 1e9, max_metrics: 20_000 }
const nothing = (): void => {}
const logger = { debug: nothing, info: nothing, warn: console.warn, error: console.error }
const clock = createSystemClock()

function exporter() {
  const definition = prometheus() as unknown as ExporterDefinition<unknown, State, never>
  const state = definition.state!({ id: 'bench', clock, logger })
  const sink: Sink<State, never> = {
    ...{ state, config, now: 0, monotonic: 0, item: () => true, hold: () => true },
    drop: (reason) => {
      throw new Error(reason)
    },
  }
  return { state, ingest: (event: TelemetryEvent) => definition.ingest!(event, sink) }
}

/** As the bus hands it over. */
function event(name: string, measurements: object, metadata: object): TelemetryEvent {
  const fields = [...Object.entries(measurements), ...Object.entries(metadata)].flat()
  return new EventRecord(name, 0, fields, Object.keys(measurements).length * 2, undefined, 'caller')
}

const median = (numbers: number[]): number => numbers.sort((a, b) => a - b)[numbers.length >> 1]!

/** Medians of interleaved rounds: a slow moment of the machine meets both. */
async function compare(rounds: number, run: readonly (() => unknown)[]): Promise<number[]> {
  const times = run.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, one] of run.entries()) {
      const start = performance.now()
      await one()
      times[i]!.push(performance.now() - start)
    }
  }
  return times.map(median)
}

const print = (what: string, unit: string, [ours, theirs]: number[], target: number): void => {
  const ratio = ours! / theirs!
  console.log(
    `${what.padEnd(46)} ${ours!.toFixed(2).padStart(9)} ${unit}  prom-client ${theirs!.toFixed(2).padStart(9)} ${unit}` +
      `  ratio ${ratio.toFixed(2)} (target ${target}) ${ratio <= target ? 'ok' : 'MISSED'}`,
  )
}

const methods = ['GET', 'POST', 'PUT', 'DELETE']
const statuses = ['200', '201', '404', '500']
const queues = Array.from({ length: 16 }, (_, i) => `queue-${i}`)
const labelSets = methods.flatMap((method) =>
  statuses.flatMap((status) => queues.map((queue) => ({ method, status, queue }))),
)

const perRound = 100_000

const newCounter = () =>
  new Counter({
    name: 'http_request_done_total',
    help: 'x',
    labelNames: ['method', 'status', 'queue'],
    registers: [],
  })

/** Fresh label objects, as an application makes them; built outside the measured part for both sides. */
const labelObjects = <Extra extends object>(extra: (i: number) => Extra) =>
  Array.from({ length: perRound }, (_, i) => ({ ...labelSets[(i * 7) % labelSets.length]!, ...extra(i) }))

async function countEvents(): Promise<void> {
  const { ingest } = exporter()
  const withIds = labelObjects((i) => ({ correlation_id: `id-${i}` }))
  const records = withIds.map((labels) => event('http.request.done', { count: 1 }, labels))
  const objects = labelObjects(() => ({}))
  const counter = newCounter()
  const times = await compare(15, [
    () => {
      for (const record of records) ingest(record)
    },
    () => {
      for (const labels of objects) counter.inc(labels)
    },
  ])
  print('count event with 3 labels and an id, ingest', 'ns', perEvent(times), 0.6)
}

/** From the application's call to the series, the hand-over at the end of the turn included. */
async function countEventsAllIn(): Promise<void> {
  const { ingest } = exporter()
  const bus = createBus({ clock, logger, maxValueLength: () => 16_384 })
  const inbox = bus.inbox('bench', (events) => {
    for (const one of events) ingest(one)
  })
  inbox.subscribe(['*'], { ignoresTime: true, ignoresScope: true, pulled: true })
  bus.open()
  const objects = labelObjects(() => ({}))
  const counter = newCounter()
  const times = await compare(15, [
    () => {
      for (const labels of objects) bus.emit('http.request.done', { count: 1 }, labels)
      bus.flush()
    },
    () => {
      for (const labels of objects) counter.inc(labels)
    },
  ])
  bus.close()
  print('count event with 3 labels, emit to series', 'ns', perEvent(times), 0.6)
}

const perEvent = (times: number[]): number[] => times.map((ms) => (ms * 1e6) / perRound)

/** Every event a label set of its own: what a hostile label costs once the metric is full. */
async function overflowing(): Promise<void> {
  const definition = prometheus() as unknown as ExporterDefinition<unknown, State, never>
  const state = definition.state!({ id: 'bench', clock, logger })
  const sink: Sink<State, never> = {
    state,
    config: {},
    now: 0,
    monotonic: 0,
    item: () => true,
    hold: () => true,
    drop: nothing,
  }
  const records = labelObjects((i) => ({ user: `user-${i}` })).map((labels) =>
    event('http.request.done', { count: 1 }, labels),
  )
  const [ns] = perEvent(
    await compare(5, [
      () => {
        for (const record of records) definition.ingest!(record, sink)
      },
    ]),
  )
  console.log(`${'count event that overflows, 4 labels, ingest'.padEnd(46)} ${ns!.toFixed(2).padStart(9)} ns`)
}

const slice = createSlices()

async function scrape(series: number, families: number): Promise<void> {
  const perFamily = series / families
  for (const kind of ['counter', 'histogram'] as const) {
    const { state, ingest } = exporter()
    const registry = new Registry()
    for (let family = 0; family < families; family++) {
      const options = { help: 'x', labelNames: ['method', 'queue'], registers: [registry] }
      const measure = (labels: Record<string, string>, value: number) => {
        if (kind === 'counter') theirs.inc(labels, value)
        else histogram.observe(labels, value / 1000)
      }
      const theirs = new Counter({
        ...options,
        name: `bench_${family}_total`,
        registers: kind === 'counter' ? [registry] : [],
      })
      const histogram = new Histogram({
        ...{ ...options, name: `bench_${family}_duration_seconds`, buckets: [...state.settings.buckets] },
        registers: kind === 'histogram' ? [registry] : [],
      })
      for (let i = 0; i < perFamily; i++) {
        const labels = { method: methods[i % 4]!, queue: `queue-${i}` }
        const value = (i * 37) % 9000
        ingest(
          event(`bench.${family}`, kind === 'counter' ? { count: value } : { duration_ms: value }, labels),
        )
        measure(labels, value)
      }
    }
    let size = 0
    const times = await compare(series > 1000 ? 7 : 31, [
      async () => {
        size = (
          await encodePage({ format: 'text', gzip: false }, renderFamilies(state.families, 'text', []), slice)
        ).bytes
      },
      async () => Buffer.from(await registry.metrics()),
    ])
    const what = `scrape, ${series} ${kind}s in ${families} families, ${(size / 1e6).toFixed(1)} MB`
    print(what, 'ms', times, kind === 'counter' ? 0.5 : 0.8)
  }
}

await countEvents()
await countEventsAllIn()
await overflowing()
await scrape(1000, 10)
await scrape(10_000, 10)
