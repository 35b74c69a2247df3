/**
 * What the statecharts cost per batch: the delivery chart and its breaker, running, over a unit that has a batch due
 * every so often and delivers it in the next turn, beside the same work without charts.
 *
 * `npm --prefix bench run charts`; `-- --batches 2000`, `-- --rates 20,100,400` batches per second
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createActor, fromPromise } from 'xstate'
import { breakerMachine, deliveryMachine, type WaveReport, type WorkEvent } from '../machines/index.ts'
import { createFakeUnit } from '../src/testing/index.ts'
import { flag, list, median } from './peers/workers.ts'

const report: WaveReport = { results: ['success'], at: 0, jitter: 0 }
const batch: WorkEvent = { type: 'telemetry.batch', items: 512, events: 512, bytes: 100_000, urgent: false }
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Calls `go` that often; µs of CPU per call. */
async function cpuOf(go: () => void, batches: number, rate: number): Promise<number> {
  const begun = process.cpuUsage()
  for (let n = 0; n < batches; n += 1) {
    go()
    await sleep(1_000 / rate)
  }
  const { user, system } = process.cpuUsage(begun)
  return (user + system) / batches
}

function withCharts(): () => void {
  const { unit, tell } = createFakeUnit()
  const breaker = createActor(breakerMachine, {
    input: { settings: { failureThreshold: 5, resetTimeoutMs: 60_000, probeTimeoutMs: 10_000 } },
  }).start()
  const delivery = createActor(
    deliveryMachine.provide({
      actors: { exportWave: fromPromise(() => nextTurn().then(() => report)) as never },
    }),
    { input: { unit, breaker: breaker as never } },
  ).start()
  delivery.send({ type: 'delivery.start' })
  return () => tell(batch)
}

const [batches, runs] = [flag('batches', 400), flag('runs', 5)]
for (const rate of list('rates', ['20', '100', '400']).map(Number)) {
  const go = withCharts()
  const bare = (): void => void nextTurn().then(() => report)
  const added: number[] = []
  for (let run = 0; run < runs; run += 1) {
    const without = await cpuOf(bare, Math.min(batches, rate * 5), rate)
    added.push((await cpuOf(go, Math.min(batches, rate * 5), rate)) - without)
  }
  const [least, most] = [Math.min(...added), Math.max(...added)]
  console.log(
    `${rate} batches/s: charts cost ${median(added).toFixed(0)} µs of CPU per batch [${least.toFixed(0)} to ${most.toFixed(0)}]`,
  )
}
process.exit(0)
