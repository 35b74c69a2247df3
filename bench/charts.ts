/**
 * What the statecharts cost per batch: the delivery chart and its breaker, running, over a unit that has a batch due every
 * so often. Timed is what the charts do, step by step, and not the waiting in between: medians, which a busy machine
 * changes little. Rates are what matters: at few batches a second the code is not compiled, and no cache has it.
 *
 * `npm --prefix bench run charts`; `-- --batches 2000`, `-- --rates 2,20,400` batches per second
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createActor, fromPromise } from 'xstate'
import { breakerMachine, deliveryMachine, type WaveReport, type WorkEvent } from '../machines/index.ts'
import { createFakeUnit } from '../src/testing/index.ts'
import { flag, list, machine, median } from './peers/workers.ts'

const report: WaveReport = { results: ['success'], at: 0, jitter: 0 }
const batch: WorkEvent = { type: 'telemetry.batch', items: 512, events: 512, bytes: 100_000, urgent: false }
const arrived: WorkEvent = { type: 'work.arrived', items: 1, events: 1, dueInMs: 5_000 }

/** Does all that the charts do for one batch; resolves to the milliseconds it took. */
type Steps = () => Promise<number>

/** `gathered`: the chart waits until the batch is due. Otherwise it fills before the chart hears that work has arrived. */
function withCharts(gathered: boolean): Steps {
  const { unit, tell } = createFakeUnit()
  let fire = (): void => {}
  let deliver = (_: WaveReport): void => {}
  const clock = {
    setTimeout: (act: () => void) => {
      fire = act
      return 0
    },
    clearTimeout: () => {},
  }
  const breaker = createActor(breakerMachine, {
    input: { settings: { failureThreshold: 5, resetTimeoutMs: 60_000, probeTimeoutMs: 10_000 } },
  }).start()
  const exportWave = fromPromise(
    () =>
      new Promise<WaveReport>((resolve) => {
        deliver = resolve
      }),
  )
  const delivery = createActor(deliveryMachine.provide({ actors: { exportWave: exportWave as never } }), {
    input: { unit, breaker: breaker as never },
    clock,
  }).start()
  delivery.send({ type: 'delivery.start' })

  return async () => {
    const begun = performance.now()
    if (gathered) {
      tell(arrived)
      fire()
    }
    tell(batch)
    deliver(report)
    for (let turns = 0; !delivery.getSnapshot().matches({ working: 'idle' }); turns += 1) {
      if (turns > 100) throw new Error('the wave does not end')
      await undefined
    }
    return performance.now() - begun
  }
}

const [batches, rates] = [flag('batches', 400), list('rates', ['20', '100', '400'])]
console.log(`µs in the charts per batch, median of ${batches}; the first 20 apart. ${machine(false)}`)
for (const rate of rates.map(Number))
  for (const gathered of [false, true]) {
    const steps = withCharts(gathered)
    const took: number[] = []
    while (took.length < batches) {
      await sleep(1_000 / rate)
      took.push((await steps()) * 1_000)
    }
    const [first, rest] = [median(took.slice(0, 20)), median(took.slice(20))]
    console.log(
      `${String(rate).padStart(4)} batches/s, ${gathered ? 'gathered (4 events)   ' : 'filled soon (2 events)'} ` +
        `${rest.toFixed(0).padStart(4)} µs, at first ${first.toFixed(0)} µs`,
    )
  }
process.exit(0)
