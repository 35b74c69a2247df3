/**
 * CPU that instrumenting a service without a line in its handlers adds to a request: `bridgeAll` beside
 * @opentelemetry/instrumentation-http under NodeSDK. Each is a process of its own, under a fixed rate from this one; they
 * take turns, and a turn is measured beside that of the bare service.
 *
 * `npm --prefix bench run bridges`; less of it: `-- --frameworks http --runs 1 --warm 3 --turns 3`
 * `--signals both`   spans and durations (default); `spans`
 * `--rate 1000`      requests per second
 */
import { createRequire } from 'node:module'
import { bridgeAll } from '../src/bridges/index.ts'
import { createTelemetry } from '../src/index.ts'
import { bench, flag, list, machine, median, type RunApart, sleep, warm } from './peers/workers.ts'
import { bare } from './server/instruments.ts'
import { createLoad } from './server/load.ts'
import { type Framework, pathOf, startService } from './server/service.ts'
import { startSink } from './sink.ts'

type Kind = 'bare' | 'ours' | 'otel'
type Signals = 'both' | 'spans'

interface Task {
  readonly kind: Kind
  readonly framework: Framework
  readonly signals: Signals
  readonly url: string
}

interface Usage {
  readonly port: number
  readonly cpu: number
  readonly answered: number
}

/** Returns what exports the rest, and ends. */
async function instrument({ kind, signals, url }: Task): Promise<() => Promise<unknown>> {
  if (kind === 'bare') return async () => {}
  if (kind === 'ours') {
    const telemetry = createTelemetry({
      config: {
        env: {},
        init: {
          otel: { endpoint: url, service_name: 'bench' },
          ...(signals === 'both' && { prometheus: { port: 0 } }),
        },
      },
      drainOnExit: false,
    })
    await telemetry.start()
    const unsubscribe = bridgeAll(telemetry)
    return async () => {
      unsubscribe()
      await telemetry.stop()
    }
  }
  process.env.OTEL_METRICS_EXPORTER = 'none'
  process.env.OTEL_LOGS_EXPORTER = 'none'
  process.env.OTEL_SEMCONV_STABILITY_OPT_IN = 'http'
  const { NodeSDK } = await import('@opentelemetry/sdk-node')
  const metrics = await import('@opentelemetry/sdk-metrics')
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto')
  const { HttpInstrumentation } = await import('@opentelemetry/instrumentation-http')
  const reader = new metrics.PeriodicExportingMetricReader({
    exporter: new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.CUMULATIVE),
  })
  const sdk = new NodeSDK({
    serviceName: 'bench',
    traceExporter: new OTLPTraceExporter({ url }),
    instrumentations: [new HttpInstrumentation()],
    ...(signals === 'both' && { metricReaders: [reader] }),
  })
  sdk.start()
  // Instruments what is required from now on; the prototype of the server is the one that is imported, too.
  createRequire(import.meta.url)('node:http')
  return () => sdk.shutdown()
}

async function serve(task: Task): Promise<number> {
  const stop = await instrument(task)
  const service = await startService(task.framework, { instruments: bare, counts: 0 })
  for (;;) {
    const { user, system } = process.cpuUsage()
    const usage: Usage = { port: service.port, cpu: user + system, answered: service.answered() }
    if ((await warm(usage)) === 'stop') break
  }
  await service.close()
  await stop()
  return service.answered()
}

/** A process that answers with its usage each time it is asked. */
async function startServer(apart: RunApart<Task, number>, task: Task) {
  let reply = (_: string): void => {}
  let onUsage = (_: Usage): void => {}
  const next = (): Promise<Usage> => new Promise((resolve) => (onUsage = resolve))
  let first = next()
  const ended = apart(
    task,
    (usage) =>
      new Promise((resolve) => {
        reply = resolve
        onUsage(usage as Usage)
      }),
  )
  await first
  return {
    usage: (): Promise<Usage> => {
      first = next()
      reply('usage')
      return first
    },
    stop: (): Promise<number> => {
      reply('stop')
      return ended
    },
  }
}

await bench<Task, number>(import.meta.url, serve, async (apart) => {
  const signals = list('signals', ['both'], ['both', 'spans'])[0] as Signals
  const kinds: readonly Kind[] = ['bare', 'ours', 'otel']
  const [runs, rate, warmSeconds, turns] = [
    flag('runs', 3),
    flag('rate', 1000),
    flag('warm', 8),
    flag('turns', 5),
  ]
  console.log(
    `${rate} requests/s, ${turns} turns of 2 s, ${runs} runs, signals: ${signals}; ${machine(false)}`,
  )
  for (const framework of list('frameworks', ['http', 'fastify'], ['http', 'fastify']) as Framework[]) {
    const added = { ours: [] as number[], otel: [] as number[] }
    const used: Record<Kind, number[]> = { bare: [], ours: [], otel: [] }
    const lost = { ours: 0, otel: 0 }
    for (let run = 0; run < runs; run++) {
      const cpu = await runOnce(apart, { framework, signals, kinds, rate, warmSeconds, turns, lost })
      for (const kind of kinds) used[kind].push(median(cpu[kind]))
      for (const kind of ['ours', 'otel'] as const)
        added[kind].push(median(cpu[kind].map((each, turn) => each - cpu.bare[turn]!)))
    }
    const show = (all: readonly number[]): string => all.map((each) => each.toFixed(1)).join(' ')
    console.log(`${framework}: bare ${show(used.bare)} µs a request`)
    for (const kind of ['ours', 'otel'] as const)
      console.log(`${framework}: ${kind} adds ${show(added[kind])} µs, lost ${lost[kind]} spans`)
    const ratios = added.ours.map((each, run) => each / added.otel[run]!)
    console.log(
      `${framework}: ours / otel ${median(ratios).toFixed(2)} [${ratios.map((r) => r.toFixed(2)).join(' ')}]`,
    )
  }
})

interface Plan {
  readonly framework: Framework
  readonly signals: Signals
  readonly kinds: readonly Kind[]
  readonly rate: number
  readonly warmSeconds: number
  readonly turns: number
  readonly lost: { ours: number; otel: number }
}

/** µs of CPU a request, for each turn of each contender. */
async function runOnce(apart: RunApart<Task, number>, plan: Plan): Promise<Record<Kind, number[]>> {
  const { framework, signals, kinds, rate, warmSeconds, turns, lost } = plan
  const load = createLoad(pathOf)
  const started = []
  for (const kind of kinds) {
    const sink = await startSink()
    started.push({
      kind,
      sink,
      server: await startServer(apart, { kind, framework, signals, url: sink.url }),
    })
  }
  const marks: Record<Kind, Usage[]> = { bare: [], ours: [], otel: [] }
  for (const { server } of started) await load.run((await server.usage()).port, rate, warmSeconds)
  for (let turn = 0; turn < turns; turn++)
    for (let i = 0; i < started.length; i++) {
      const { kind, server } = started[(i + turn) % started.length]!
      const usage = await server.usage()
      marks[kind].push(usage)
      await load.run(usage.port, rate, 2)
    }
  // What the last turn left is exported.
  await sleep(5500)
  const cpu: Record<Kind, number[]> = { bare: [], ours: [], otel: [] }
  for (const { kind, server, sink } of started) {
    const usages = [...marks[kind], await server.usage()]
    cpu[kind] = usages
      .slice(1)
      .map((to, i) => (to.cpu - usages[i]!.cpu) / (to.answered - usages[i]!.answered))
    const answered = await server.stop()
    const { spans } = await sink.stats()
    if (kind !== 'bare') lost[kind] += answered - spans
    await sink.close()
  }
  load.close()
  return cpu
}
