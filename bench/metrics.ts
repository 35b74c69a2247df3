/**
 * What a count into `otel_metrics` and a collection cost, beside OpenTelemetry's SDK, in one run.
 * `npm --prefix bench run metrics`; the ratios are what counts, absolute figures drift with the machine.
 */
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import { AggregationTemporality, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { createBus } from '../src/bus/bus.ts'
import { createSystemClock } from '../src/clock.ts'
import { createIntake } from '../src/delivery/intake.ts'
import { createLedger } from '../src/delivery/ledger.ts'
import type { ExporterDefinition } from '../src/exporters/exporter.ts'
import type { CollectionItem } from '../src/exporters/otel-metrics/collection.ts'
import { createRequests } from '../src/exporters/otel-metrics/encode/request.ts'
import { otelMetrics } from '../src/exporters/otel-metrics/index.ts'
import type { State } from '../src/exporters/otel-metrics/state.ts'

const nothing = (): void => {}
const logger = { debug: nothing, info: nothing, warn: console.warn, error: console.error }
const clock = createSystemClock()

class ManualReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

/** The exporter from the bus to its series, with the ledger that every exporter has. */
function ours(settings: object) {
  const definition = otelMetrics() as unknown as ExporterDefinition<unknown, State, CollectionItem>
  const defaults = Object.entries(definition.schema).map(([key, { default: value }]) => [key, value])
  const config = { ...Object.fromEntries(defaults), max_request_bytes: 4 * 2 ** 20, ...settings }
  const state = definition.state!({ id: 'bench', clock, logger })
  const items: CollectionItem[] = []
  const intake = createIntake({
    ...{ definition, state, ledger: createLedger(nothing), clock, config: () => config },
    enqueue: (item) => items.push(item as CollectionItem) > 0,
    makeRoom: () => true,
    onError: (error) => {
      throw error
    },
  })
  const bus = createBus({ clock, logger, maxValueLength: () => 16_384 })
  const inbox = bus.inbox('bench', (events, since) => intake.ingest(events, since))
  inbox.subscribe(['*'], { ignoresTime: true, ignoresScope: true })
  bus.open()
  const requests = createRequests({ resource: { attributes: {} }, scope: { name: 'bench' } })
  const collect = (): number => {
    intake.tick('flush')
    const collection = items.pop()?.collection ?? state.latest?.collection
    return collection ? requests.join(collection, collection.pieces).length : 0
  }
  return { bus, collect }
}

function sdk(temporality: AggregationTemporality) {
  const reader = new ManualReader({
    aggregationTemporalitySelector: () => temporality,
    cardinalitySelector: () => 20_000,
  })
  const meter = new MeterProvider({ readers: [reader] }).getMeter('bench')
  return {
    meter,
    collect: async (): Promise<number> =>
      ProtobufMetricsSerializer.serializeRequest((await reader.collect()).resourceMetrics)!.length,
  }
}

const median = (numbers: number[]): number => numbers.sort((a, b) => a - b)[numbers.length >> 1]!

/** Medians of interleaved rounds: a slow moment of the machine meets both. */
async function compare(rounds: number, run: readonly (() => unknown)[]): Promise<number[]> {
  const times = run.map((): number[] => [])
  for (let round = 0; round < rounds; round++)
    for (const [i, one] of run.entries()) {
      const start = performance.now()
      await one()
      times[i]!.push(performance.now() - start)
    }
  return times.map(median)
}

const print = (what: string, unit: string, [mine, theirs]: number[], target: number): void => {
  const ratio = mine! / theirs!
  const verdict = ratio <= target ? 'ok' : 'MISSED'
  console.log(
    `${what.padEnd(52)} ${mine!.toFixed(2).padStart(9)} ${unit}  SDK ${theirs!.toFixed(2).padStart(9)} ${unit}` +
      `  ratio ${ratio.toFixed(2)} (target ${target}) ${verdict}`,
  )
}

const perRound = 100_000
const labelSets = ['GET', 'POST', 'PUT', 'DELETE'].flatMap((method) =>
  [200, 201, 404, 500].flatMap((status) =>
    Array.from({ length: 16 }, (_, i) => ({ method, status, queue: `queue-${i}` })),
  ),
)
/** Fresh objects, as an application makes them; built outside the measured part for both sides. */
const objects = Array.from({ length: perRound }, (_, i) => ({ ...labelSets[(i * 7) % labelSets.length]! }))

async function counting(): Promise<void> {
  const { bus, collect } = ours({})
  const other = sdk(AggregationTemporality.CUMULATIVE)
  const counter = other.meter.createCounter('http.request.done')
  const times = await compare(15, [
    () => {
      for (const labels of objects) bus.emit('http.request.done', { count: 1 }, labels)
      bus.flush()
    },
    () => {
      for (const labels of objects) counter.add(1, labels)
    },
  ])
  collect()
  bus.close()
  const perEvent = times.map((ms) => (ms * 1e6) / perRound)
  print('a count with 3 attributes, emit to series', 'ns', perEvent, 0.6)
}

async function collecting(name: string, temporality: AggregationTemporality, histogram: boolean) {
  const setting = temporality === AggregationTemporality.DELTA ? 'delta' : 'cumulative'
  const { bus, collect } = ours({ temporality: setting, max_series: 20_000, max_total_series: 100_000 })
  const other = sdk(temporality)
  const meter = histogram ? other.meter.createHistogram('job') : undefined
  const counter = histogram ? undefined : other.meter.createCounter('job')
  const measure = (): void => {
    for (let shard = 0; shard < 10_000; shard++) {
      bus.emit('job', histogram ? { duration_ms: shard } : { count: 1 }, { shard, region: 'eu' })
      meter?.record(shard / 1000, { shard, region: 'eu' })
      counter?.add(1, { shard, region: 'eu' })
    }
    bus.flush()
  }
  const times: [number[], number[]] = [[], []]
  for (let round = 0; round < 11; round++) {
    measure()
    for (const [i, one] of [collect, other.collect].entries()) {
      const start = performance.now()
      if ((await one()) < 100_000) throw new Error('the collection is not whole')
      times[i]!.push(performance.now() - start)
    }
  }
  bus.close()
  print(`collection of 10,000 ${name}, ${setting}`, 'ms', times.map(median), 0.5)
}

await counting()
for (const temporality of [AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA]) {
  await collecting('sums', temporality, false)
  await collecting('histograms', temporality, true)
}
