/**
 * What a log record of four attributes and a body costs at 1, 10 and 500 a turn of the event loop, ours beside the SDK with
 * its queue raised: CPU of the process per record, and records/s from the first until the last is there or given up.
 * Each contender runs in a process of its own against a sink in another; they take turns, medians of the rounds. A third one
 * logs nothing: what its turns cost belongs to neither.
 *
 * `npm --prefix bench run logs`; less of it: `-- --turns 1,500 --pairs 1 --records 50000`; `--profile`: where the time of
 * the first run of each went
 */
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { BatchLogRecordProcessor, LoggerProvider, type LogRecordExporter } from '@opentelemetry/sdk-logs'
import { createTelemetry, otelLogs } from '../../src/index.ts'
import { printTimeSpent, profile, type TimeSpent } from '../profile.ts'
import { startSink } from '../sink.ts'
import { bench, cpuSeconds, flag, isSet, list, machine, median, warm } from './workers.ts'

type Who = 'ours' | 'peer' | 'none'

interface Task {
  readonly who: Who
  readonly url: string
  readonly perTurn: number
  readonly records: number
  readonly warmUp: number
  readonly profiled: boolean
}

interface Measured {
  readonly seconds: number
  readonly cpu: number
  readonly timeSpent: TimeSpent | undefined
}

interface Contender {
  log(i: number): void
  /** Resolves when all of `records`, sent since the start, have been exported or given up. */
  settled(records: number): Promise<void>
  stop(): Promise<unknown>
}

const routes = Array.from({ length: 16 }, (_, i) => `/api/v1/resource-${i}/:id`)
const users = Array.from({ length: 1000 }, (_, i) => `user-${i}`)
const route = (i: number): string => routes[i & 15]!
/** 7919 is prime: neighbours differ, and all of them come up. */
const user = (i: number): string => users[(i * 7919) % 1000]!
const duration = (i: number): number => (i % 997) / 8
const message = 'the job was done within its time'

const queueSize = 400_000
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

async function startOurs(url: string): Promise<Contender> {
  const telemetry = createTelemetry({
    types: [otelLogs()],
    config: {
      env: {},
      init: {
        otel_logs: {
          endpoint: url,
          service_name: 'bench',
          queue_size: queueSize,
          body: 'message',
          severities: { '*.error': 'error', '*': 'info' },
        },
      },
    },
    logger: quiet,
    drainOnExit: false,
  })
  await telemetry.start()
  return {
    log: (i) => {
      telemetry.emit(
        'job.done',
        { duration_ms: duration(i) },
        { message, n: i, route: route(i), user: user(i) },
      )
    },
    settled: async () => {
      await telemetry.flush({ timeoutMs: 60_000 })
    },
    stop: () => telemetry.stop({ timeoutMs: 5000 }),
  }
}

/** The processor's own default. */
const batchSize = 512

/** The SDK as its guide sets it up. */
async function startPeer(url: string): Promise<Contender> {
  let ended = 0
  let onEnd = (): void => {}
  const exporter = new OTLPLogExporter({ url })
  const counting: LogRecordExporter = {
    export: (logs, done) =>
      exporter.export(logs, (result) => {
        done(result)
        ended += logs.length
        onEnd()
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  }
  const provider = new LoggerProvider({
    processors: [new BatchLogRecordProcessor({ exporter: counting, maxQueueSize: queueSize })],
  })
  const logger = provider.getLogger('bench')
  return {
    log: (i) => {
      logger.emit({
        eventName: 'job.done',
        severityNumber: 9,
        severityText: 'INFO',
        body: message,
        attributes: { duration_ms: duration(i), n: i, route: route(i), user: user(i) },
      })
    },
    settled: async (records) => {
      await new Promise<void>((resolve) => {
        onEnd = () => {
          if (records - ended < batchSize) resolve()
        }
        onEnd()
      })
      await provider.forceFlush()
    },
    stop: () => provider.shutdown(),
  }
}

/** The loop alone. */
const startNone = (): Contender => ({ log() {}, settled: async () => {}, stop: async () => {} })

/** Calls `log` for `count` numbers, `perTurn` of them in each turn of the event loop. */
const turns = (log: (i: number) => void, from: number, count: number, perTurn: number): Promise<void> =>
  new Promise((resolve) => {
    const end = from + count
    let i = from
    const turn = (): void => {
      for (const until = Math.min(i + perTurn, end); i < until; i++) log(i)
      if (i < end) setImmediate(turn)
      else resolve()
    }
    setImmediate(turn)
  })

async function measure({ who, url, perTurn, records, warmUp, profiled }: Task): Promise<Measured> {
  const { log, settled, stop } = await { ours: startOurs, peer: startPeer, none: startNone }[who](url)
  await turns(log, 0, warmUp, perTurn)
  await settled(warmUp)
  await warm()
  const profiling = profiled ? await profile(undefined) : undefined
  const cpu = cpuSeconds()
  const started = performance.now()
  await turns(log, warmUp, records, perTurn)
  await settled(warmUp + records)
  const measured = { seconds: (performance.now() - started) / 1000, cpu: cpu() }
  const timeSpent = await profiling?.()
  await stop()
  return { ...measured, timeSpent }
}

await bench<Task, Measured>(import.meta.url, measure, async (apart) => {
  const records = flag('records', 150_000)
  const warmUp = flag('warm', 50_000)
  const pairs = flag('pairs', 5)
  const profiling = isSet('profile')
  const sink = await startSink()
  const url = sink.url.replace('/v1/traces', '/v1/logs')
  console.log(`${records} records after ${warmUp}, ${pairs} pairs; ${machine(profiling)}`)
  console.log(
    'a turn   CPU µs per record: ours, SDK, × [least-most]   the loop alone, × without it   records/s: ours, SDK   lost: ours, SDK',
  )
  const order: readonly Who[] = ['ours', 'none', 'peer']
  for (const perTurn of list('turns', ['1', '10', '500']).map(Number)) {
    const runs: Record<Who, Measured[]> = { ours: [], peer: [], none: [] }
    const lost = { ours: 0, peer: 0, none: 0 }
    for (let n = 0; n < pairs; n++)
      for (const who of n % 2 === 0 ? order : order.toReversed()) {
        const profiled = profiling && n === 0
        const run = await apart({ who, url, perTurn, records, warmUp, profiled }, () => sink.forget())
        if (run.timeSpent) printTimeSpent(`${who}-${perTurn}`, run.timeSpent)
        runs[who].push(run)
        lost[who] += records - (await sink.stats()).logRecordCount
      }
    const cpu = (who: Who): number => median(runs[who].map((run) => (run.cpu / records) * 1e6))
    const rate = (who: Who): number => median(runs[who].map(({ seconds }) => records / seconds))
    const single = runs.ours.map((run, i) => run.cpu / runs.peer[i]!.cpu)
    const net = runs.ours.map(
      (run, i) => (run.cpu - runs.none[i]!.cpu) / (runs.peer[i]!.cpu - runs.none[i]!.cpu),
    )
    console.log(
      `${String(perTurn).padStart(6)}${cpu('ours').toFixed(2).padStart(20)}${cpu('peer').toFixed(2).padStart(7)}` +
        `${median(single).toFixed(2).padStart(6)} × [${Math.min(...single).toFixed(2)}-${Math.max(...single).toFixed(2)}]` +
        `${cpu('none').toFixed(2).padStart(12)}${median(net).toFixed(2).padStart(8)} × [${Math.min(...net).toFixed(2)}-${Math.max(...net).toFixed(2)}]` +
        `${rate('ours').toFixed(0).padStart(16)}${rate('peer').toFixed(0).padStart(8)}` +
        `${String(lost.ours).padStart(10)}, ${lost.peer}`,
    )
  }
  await sink.close()
})
