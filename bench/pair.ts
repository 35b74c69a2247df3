/**
 * A start and a success event routed to the OTLP exporter, on the application's thread until the finished span waits
 * for export, beside the SDK's startSpan and end into a BatchSpanProcessor; and a count event into Prometheus beside
 * prom-client's inc. Rounds are short and interleaved, minima count. `npm --prefix bench run pair`
 */
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { Counter } from 'prom-client'
import { createBus } from '../src/bus/bus.ts'
import type { TelemetryEvent } from '../src/bus/event.ts'
import { createSystemClock } from '../src/clock.ts'
import { createIntake } from '../src/delivery/intake.ts'
import { createLedger } from '../src/delivery/ledger.ts'
import type { AnyExporterDefinition } from '../src/exporters/exporter.ts'
import { otel, prometheus } from '../src/index.ts'

const nothing = (): void => {}
const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const clock = createSystemClock()
const perRound = 2_000
const rounds = 500
const perTurn = 500

let queued = 0

/** As the unit does it: the bus's inbox, the intake with its ledger, a queue. */
function wired(definition: AnyExporterDefinition) {
  const config = Object.fromEntries(
    Object.entries(definition.schema).map(([key, { default: value }]) => [key, value]),
  )
  let queue: unknown[] = []
  const intake = createIntake({
    definition,
    state: definition.state?.({ id: 'bench', clock, logger }),
    ledger: createLedger(nothing),
    clock,
    config: () => config,
    enqueue: (item) => {
      queue.push(item)
    },
    onError: (error) => {
      throw error
    },
  })
  const bus = createBus({ clock, logger, maxValueLength: () => 16_384 })
  bus
    .inbox('bench', (events: TelemetryEvent[]) => {
      intake.ingest(events)
      queued += queue.length
      queue = []
    })
    .subscribe(['*'], {
      accepts: (name: string) => definition.accepts?.(name) !== false,
      ignoresTime: definition.ignoresTime === true,
    })
  bus.open()
  return bus
}

const spans = wired(otel())
const counts = wired(prometheus())

const provider = new BasicTracerProvider({
  spanProcessors: [
    new BatchSpanProcessor(
      {
        export: (_spans, done) => done({ code: 0 }),
        shutdown: async () => {},
      },
      { maxQueueSize: 4 * perRound, scheduledDelayMillis: 2 ** 30, maxExportBatchSize: perRound },
    ),
  ],
})
const tracer = provider.getTracer('bench')
const counter = new Counter({
  name: 'c_total',
  help: 'x',
  labelNames: ['method', 'status', 'queue'],
  registers: [],
})

const contenders: readonly (readonly [name: string, run: (i: number) => void, end: () => unknown])[] = [
  [
    'OTel startSpan and end, 4 attributes',
    (i) =>
      tracer
        .startSpan('job', { attributes: { correlation_id: i, queue: 'mail', user: 'u1', duration_ms: 1.5 } })
        .end(),
    () => provider.forceFlush(),
  ],
  [
    'start and success event, 4 attributes',
    (i) => {
      spans.emit('job.start', {}, { correlation_id: i, queue: 'mail', user: 'u1' })
      spans.emit('job.success', { duration_ms: 1.5 }, { correlation_id: i })
    },
    () => spans.flush(),
  ],
  [
    'prom-client inc, 3 labels',
    (i) => counter.inc({ method: 'GET', status: '200', queue: i % 2 ? 'mail' : 'web' }),
    nothing,
  ],
  [
    'count event, 3 labels',
    (i) =>
      counts.emit('job.done', { count: 1 }, { method: 'GET', status: '200', queue: i % 2 ? 'mail' : 'web' }),
    () => counts.flush(),
  ],
]

const best = contenders.map(() => Number.POSITIVE_INFINITY)
for (let n = 0; n < rounds; n++)
  for (const [i, [, run, end]] of contenders.entries()) {
    let spent = 0
    for (let from = 0; from < perRound; from += perTurn) {
      const start = performance.now()
      for (let k = from; k < from + perTurn; k++) run(k)
      // Ours hands over within the turn; what the SDK's exporter would do is left out.
      if (i % 2 === 1) end()
      spent += performance.now() - start
    }
    if (i % 2 === 0) await end()
    best[i] = Math.min(best[i]!, (spent / perRound) * 1e6)
  }
for (const [i, [name]] of contenders.entries()) {
  const beside = best[i - (i % 2)]!
  console.log(`${name.padEnd(40)}${best[i]!.toFixed(0).padStart(7)} ns ${(best[i]! / beside).toFixed(2)} ×`)
}
console.log(`(${queued} spans)`)
