/**
 * A start and a success event routed to the OTLP exporter, on the application's thread, beside the SDK's startSpan and
 * end into a BatchSpanProcessor; and a count event into Prometheus beside prom-client's inc. Each contender runs in a
 * process of its own, in short rounds of which the quickest counts; they take turns. `npm --prefix bench run pair`
 */
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { Counter } from 'prom-client'
import { createBus } from '../src/bus/bus.ts'
import type { TelemetryEvent } from '../src/bus/event.ts'
import { createSystemClock } from '../src/clock.ts'
import { createIntake } from '../src/delivery/intake.ts'
import { createLedger } from '../src/delivery/ledger.ts'
import type { AnyExporterDefinition } from '../src/exporters/exporter.ts'
import { otel, prometheus } from '../src/index.ts'
import { bench } from './peers/workers.ts'

const nothing = (): void => {}
const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const perRound = 2_000
const rounds = 500
const perTurn = 500

/** One operation, and what ends a turn of them. */
interface Contender {
  readonly run: (i: number) => void
  readonly end: () => unknown
  /** What the end of a turn does is part of the figure: ours hands over within the turn. */
  readonly endCounts: boolean
}

/** As the unit does it: the bus's inbox, the intake with its ledger, a queue. */
function wired(definition: AnyExporterDefinition, changes: object, ingests: boolean) {
  const clock = createSystemClock()
  const defaults = Object.entries(definition.schema).map(([key, { default: value }]) => [key, value])
  const config = { ...Object.fromEntries(defaults), ...changes }
  let queue: unknown[] = []
  const intake = createIntake({
    definition,
    state: definition.state?.({ id: 'bench', clock, logger }),
    ledger: createLedger(nothing),
    clock,
    config: () => config,
    enqueue: (item) => {
      queue.push(item)
      return true
    },
    makeRoom: () => true,
    onError: (error) => {
      throw error
    },
  })
  const bus = createBus({ clock, logger, maxValueLength: () => 16_384 })
  bus
    .inbox('bench', (events: TelemetryEvent[], since: number) => {
      if (ingests) intake.ingest(events, since)
      queue = []
    })
    .subscribe(['*'], {
      accepts: (name) => definition.accepts?.(name) !== false,
      ignoresTime: definition.ignoresTime,
    })
  bus.open()
  return bus
}

function ofEvents(changes: object, ingests: boolean): Contender {
  const bus = wired(otel(), changes, ingests)
  return {
    run: (i) => {
      bus.emit('job.start', {}, { correlation_id: i, queue: 'mail', user: 'u1' })
      bus.emit('job.success', { duration_ms: 1.5 }, { correlation_id: i })
    },
    end: () => bus.flush(),
    endCounts: true,
  }
}

function ofCounts(ingests: boolean): Contender {
  const bus = wired(prometheus(), {}, ingests)
  return {
    run: (i) => {
      bus.emit('job.done', { count: 1 }, { method: 'GET', status: '200', queue: i % 2 ? 'mail' : 'web' })
    },
    end: () => bus.flush(),
    endCounts: true,
  }
}

const contenders: Readonly<Record<string, () => Contender>> = {
  'OTel: startSpan and end, 4 attributes': () => {
    const nowhere = {
      export: (_: unknown, done: (result: { code: 0 }) => void) => done({ code: 0 }),
      shutdown: async () => {},
    }
    const limits = { maxQueueSize: 4 * perRound, scheduledDelayMillis: 2 ** 30, maxExportBatchSize: perRound }
    const provider = new TracerProvider({
      spanProcessors: [new BatchSpanProcessor({ exporter: nowhere, ...limits })],
    })
    const tracer = provider.getTracer('bench')
    return {
      run: (i) => {
        const attributes = { correlation_id: i, queue: 'mail', user: 'u1', duration_ms: 1.5 }
        tracer.startSpan('job', { attributes }).end()
      },
      end: () => provider.forceFlush(),
      endCounts: false,
    }
  },
  'two events, until handed over to the exporter': () => ofEvents({}, false),
  'two events, until the span is finished': () => ofEvents({ client: 'package' }, true),
  'two events, until the span is encoded': () => ofEvents({}, true),
  'prom-client: inc, 3 labels': () => {
    const labelNames = ['method', 'status', 'queue']
    const counter = new Counter({ name: 'c_total', help: 'x', labelNames, registers: [] })
    return {
      run: (i) => counter.inc({ method: 'GET', status: '200', queue: i % 2 ? 'mail' : 'web' }),
      end: nothing,
      endCounts: false,
    }
  },
  'one count event, until handed over': () => ofCounts(false),
  'one count event, until in its series': () => ofCounts(true),
}

/** Nanoseconds of one operation. */
async function measure(name: string): Promise<number> {
  const { run, end, endCounts } = contenders[name]!()
  let best = Number.POSITIVE_INFINITY
  for (let n = 0; n < rounds; n++) {
    let spent = 0
    for (let from = 0; from < perRound; from += perTurn) {
      const start = performance.now()
      for (let k = from; k < from + perTurn; k++) run(k)
      if (endCounts) end()
      spent += performance.now() - start
    }
    if (!endCounts) await end()
    best = Math.min(best, (spent / perRound) * 1e6)
  }
  return best
}

await bench<string, number>(import.meta.url, measure, async (apart) => {
  const names = Object.keys(contenders)
  const best = new Map(names.map((name) => [name, Number.POSITIVE_INFINITY]))
  for (let n = 0; n < 3; n++)
    for (const name of names) best.set(name, Math.min(best.get(name)!, await apart(name)))
  let peer = 0
  for (const [name, ns] of best) {
    if (name.includes(':')) peer = ns
    console.log(`${name.padEnd(48)}${ns.toFixed(0).padStart(7)} ns ${(ns / peer).toFixed(2)} ×`)
  }
})
