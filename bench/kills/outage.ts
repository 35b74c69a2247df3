import { readFileSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { wireSystem } from '../../src/control/effects.ts'
import type { Disk } from '../../src/delivery/spool/disk.ts'
import { otel } from '../../src/exporters/otel/index.ts'
import { assembleTelemetry } from '../../src/telemetry.ts'
import { cpuSeconds, loopDelay, paced, sleep, warm } from '../peers/workers.ts'

export interface Outage {
  readonly directory: string
  readonly endpoint: string
  /** Spans a second, for so many seconds, of an outage. */
  readonly rate: number
  readonly seconds: number
}

export interface OutageResult {
  /** CPU seconds for a million spans, while they are written. */
  readonly cpu: number
  /** 99th percentile of the event loop's delay meanwhile, in ms. */
  readonly delay: number
  /** Spans that were delivered in a second after the outage. */
  readonly drained: number
  /** CPU seconds for a million spans that are read and sent. */
  readonly drainCpu: number
  /** MiB that were written to the disk in all. */
  readonly written: number
  /** MiB that the directory had at most, and 10 s after the last of it was delivered. */
  readonly most: number
  readonly left: number
  readonly lost: number
}

const mebibyte = 2 ** 20

/** Bytes that this process has had written to a device. */
const writtenBytes = (): number =>
  Number(/^write_bytes: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])

async function bytesIn(directory: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(directory, { recursive: true })) {
    const found = await stat(join(directory, name)).catch(() => undefined)
    if (found?.isFile()) bytes += found.blocks * 512
  }
  return bytes
}

/** Writes everything for a while, then delivers it. Calls `warm()` at the end of the outage. */
export async function livesThroughOutage(task: Outage, disk: Disk): Promise<OutageResult> {
  const place = dirname(task.directory)
  const telemetry = assembleTelemetry(
    {
      types: [otel() as never],
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      config: {
        env: {},
        init: {
          otel: {
            ...{ endpoint: task.endpoint, event_patterns: ['bench.*'], flush_interval: 1 },
            ...{ initial_reset_timeout: 0.2, reset_timeout: 0.5, retry_attempts: 1000 },
            spool: { directory: task.directory, mode: 'always', max_bytes: 8 * 1024 * mebibyte },
          },
        } as never,
      },
    },
    wireSystem(),
    disk,
  )
  await telemetry.start()
  const ledger = () => telemetry.status().exporters.otel!.ledger
  const spans = (from: number, to: number): void => {
    for (let i = from; i < to; i += 1) {
      telemetry.emit('bench.work.start', {}, { correlation_id: i, route: `/jobs/${i % 100}`, method: 'POST' })
      telemetry.emit('bench.work.success', {}, { correlation_id: i, status: 200 })
    }
  }
  let most = 0
  const looks = setInterval(() => {
    void bytesIn(place).then((bytes) => {
      most = Math.max(most, bytes)
    })
  }, 500)
  const before = writtenBytes()
  const cpu = cpuSeconds()
  const delay = loopDelay()
  const total = await paced(task.rate, task.seconds, spans)
  const spent = cpu()
  const delayed = delay()
  // What has just come is written, too.
  await sleep(2000)
  await warm()
  const drainCpu = cpuSeconds()
  const begun = performance.now()
  const accepted = ledger().accepted
  const isOver = (): boolean => {
    const { delivered, dropped } = ledger()
    return delivered + Object.values(dropped).reduce((sum, count) => sum + (count ?? 0), 0) >= accepted
  }
  while (!isOver()) await sleep(5)
  const seconds = (performance.now() - begun) / 1000
  const drainSpent = drainCpu()
  const { delivered } = ledger()
  await sleep(10_000)
  clearInterval(looks)
  const left = await bytesIn(place)
  await telemetry.stop({ timeoutMs: 5_000 })
  return {
    cpu: (spent / total) * 1e6,
    delay: delayed,
    drained: delivered / 2 / seconds,
    drainCpu: (drainSpent / total) * 1e6,
    written: (writtenBytes() - before) / mebibyte,
    most: most / mebibyte,
    left: left / mebibyte,
    lost: (accepted - delivered) / 2,
  }
}
