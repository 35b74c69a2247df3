/**
 * What a spool costs. Paced spans (20,000 a second) to a sink in another process: without a spool, with `overflow`, and
 * with `always`, while the sink answers; then the same while nothing answers, where `always` writes everything. Last, how
 * long a backlog takes to open, and in how much memory.
 * `npm --prefix bench run spool -- --seconds 10 --rounds 3 --backlog 1024`
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checksumOf, encodeContent } from '../src/delivery/spool/content.ts'
import { nameOf } from '../src/delivery/spool/file-name.ts'
import { createTelemetry } from '../src/index.ts'
import {
  bench,
  cpuSeconds,
  flag,
  loopDelay,
  median,
  memoryGrowth,
  paced,
  round,
  sleep,
} from './peers/workers.ts'
import { startSink } from './sink.ts'

type Mode = 'none' | 'overflow' | 'always'

interface Task {
  readonly mode: Mode
  readonly url: string
  readonly directory: string
  readonly seconds: number
  readonly rate: number
  /** The sink answers. */
  readonly isUp: boolean
  /** Only opens what is there. */
  readonly opens: boolean
}

interface Result {
  /** CPU seconds for a million spans. */
  readonly cpu: number
  readonly rate: number
  readonly delay: number
  readonly dropped: number
  readonly openMs: number
  readonly memoryMib: number
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

const start = ({ mode, url, directory }: Task) =>
  createTelemetry({
    logger: quiet,
    config: {
      init: {
        otel: {
          endpoint: url,
          event_patterns: ['bench.*'],
          ...(mode !== 'none' && { spool: { directory, mode, max_bytes: 8 * 2 ** 30 } }),
        },
      },
      env: {},
    },
  })

async function openBacklog(task: Task): Promise<Result> {
  const telemetry = start(task)
  const memory = memoryGrowth()
  const begun = performance.now()
  await telemetry.start()
  const spool = () => telemetry.status().exporters.otel?.spool
  while (spool()?.state !== 'ready') await sleep(1)
  const openMs = performance.now() - begun
  await sleep(500)
  const memoryMib = memory()
  await telemetry.stop({ timeoutMs: 100 })
  return { cpu: 0, rate: 0, delay: 0, dropped: 0, openMs, memoryMib }
}

async function work(task: Task): Promise<Result> {
  if (task.opens) return openBacklog(task)
  const telemetry = start(task)
  await telemetry.start()
  const spans = (from: number, to: number): void => {
    for (let i = from; i < to; i += 1) {
      telemetry.emit('bench.work.start', {}, { correlation_id: i, route: `/jobs/${i % 100}`, method: 'POST' })
      telemetry.emit('bench.work.success', {}, { correlation_id: i, status: 200 })
    }
  }
  await paced(task.rate, 3, spans)
  const cpu = cpuSeconds()
  const delay = loopDelay()
  const begun = performance.now()
  const total = await paced(task.rate, task.seconds, spans)
  const seconds = (performance.now() - begun) / 1000
  const spent = cpu()
  const { dropped } = telemetry.status().exporters.otel!.ledger
  await telemetry.stop({ timeoutMs: task.isUp ? 5_000 : 500 })
  return {
    cpu: (spent / total) * 1e6,
    rate: total / seconds,
    delay: delay(),
    dropped: Object.values(dropped).reduce((sum, count) => sum + (count ?? 0), 0),
    openMs: 0,
    memoryMib: 0,
  }
}

/** A field of protobuf: number 1 or 2, its length, and what it holds. */
function field(number: 1 | 2, value: Uint8Array): Buffer {
  const length: number[] = []
  for (let left = value.length; length.length === 0 || left > 0; left = Math.floor(left / 128))
    length.push(left < 128 ? left : (left % 128) + 128)
  return Buffer.concat([Buffer.of(number * 8 + 2, ...length), value])
}

/** Files of 1 MiB, as a spool writes them: a request with one span. */
async function makeBacklog(directory: string, mebibytes: number): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const packed = field(1, field(2, field(2, Buffer.alloc(2 ** 20))))
  const head = { type: 'otel', version: 1, weights: [2], wires: null, self: false }
  const content = encodeContent(head, packed)
  for (let i = 0; i < mebibytes; i += 1) {
    const sequence = (Date.now() - mebibytes + i) * 1000
    const facts = { sequence, weight: 2, bytes: content.length, attempts: 0, lives: 0 }
    await writeFile(join(directory, nameOf({ ...facts, checksum: checksumOf(content) })), content)
  }
}

await bench<Task, Result>(import.meta.url, work, async (apart) => {
  const seconds = flag('seconds', 10)
  const rate = flag('rate', 20_000)
  const rounds = flag('rounds', 3)
  const place = await mkdtemp(join(tmpdir(), 'spool-bench-'))
  const sink = await startSink()
  const modes: readonly Mode[] = ['none', 'overflow', 'always']
  try {
    for (const isUp of [true, false]) {
      if (!isUp) await sink.fault({ type: 'refuse' })
      const results = modes.map(() => [] as Result[])
      for (let n = 0; n < rounds; n += 1)
        for (const [i, mode] of modes.entries()) {
          const directory = join(place, `${mode}-${isUp}-${n}`)
          results[i]!.push(await apart({ mode, url: sink.url, directory, seconds, rate, isUp, opens: false }))
          await rm(directory, { recursive: true, force: true })
        }
      const of = (i: number, part: keyof Result): number => median(results[i]!.map((result) => result[part]))
      console.log(
        `${rate} spans/s for ${seconds} s, ${rounds} rounds; the sink ${isUp ? 'answers' : 'is down'}`,
      )
      for (const [i, mode] of modes.entries())
        console.log(
          `${mode.padEnd(10)} ${of(i, 'rate').toFixed(0).padStart(7)} spans/s  CPU s per 1M ${of(i, 'cpu').toFixed(2)}` +
            ` (${(of(i, 'cpu') / of(0, 'cpu')).toFixed(2)} ×)  loop delay p99 ${round(of(i, 'delay'))} ms  dropped ${of(i, 'dropped')}`,
        )
    }
    const backlog = flag('backlog', 1024)
    const directory = join(place, 'backlog')
    await makeBacklog(directory, backlog)
    const task = {
      mode: 'overflow' as const,
      url: sink.url,
      directory,
      seconds,
      rate,
      isUp: false,
      opens: true,
    }
    const { openMs, memoryMib } = await apart(task)
    console.log(
      `a backlog of ${backlog} MiB opens in ${openMs.toFixed(0)} ms, in ${memoryMib.toFixed(1)} MiB`,
    )
  } finally {
    await sink.close()
    await rm(place, { recursive: true, force: true })
  }
})
