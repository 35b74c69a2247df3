import { startOurs } from '../peers/contenders.ts'
import { paced, sleep } from '../peers/workers.ts'
import { exactly, type Finding, type RemoteSink, type Scenario, told } from './scenario.ts'

const perSecond = 5_000

/** Moved from a hung endpoint to a healthy one, and stopped 1 s later with 20 s of time. */
export const movedAndStopped: Scenario = {
  sinks: ['count', 'count'],
  async run([hung, healthy]) {
    const ours = await startOurs({ kind: 'native', url: hung!.url })
    await hung!.fault({ type: 'hang' })
    const change = async (): Promise<void> => {
      await sleep(1_000)
      await ours.move(healthy!.url)
    }
    const emit = (from: number, to: number): void => {
      for (let i = from; i < to; i++) ours.span(i)
    }
    const [sent] = await Promise.all([paced(perSecond, 2, emit), change()])
    const start = performance.now()
    const { complete } = await ours.telemetry.stop({ timeoutMs: 20_000 })
    const took = performance.now() - start
    const { reasons, ambiguous } = ours.counts()!
    return [
      exactly(
        'moved from a hung endpoint, stopped 1 s later: lost',
        sent - (await healthy!.stats()).spans,
        0,
      ),
      exactly('complete', complete, true),
      told('the stop took', `${(took / 1000).toFixed(2)} s of 20`),
      told('ledger', { ...reasons, ambiguous }),
    ]
  },
}

async function changed(sink: RemoteSink, times: number): Promise<Finding[]> {
  const ours = await startOurs({ kind: 'native', url: sink.url })
  const before = await sink.stats()
  const emit = (from: number, to: number): void => {
    for (let i = from; i < to; i++) ours.span(i)
  }
  let took = 0
  const change = async (): Promise<void> => {
    await sleep(1_000)
    const start = performance.now()
    for (let n = 0; n < times; n++) await ours.move(`${sink.url}?change=${n}`)
    took = performance.now() - start
  }
  const [sent] = await Promise.all([paced(perSecond, 3, emit), change()])
  await ours.flush()
  const report = await ours.stop(20_000)
  const after = await sink.stats()
  const what = `${times} changes back to back, backend of 200 ms`
  return [
    exactly(`${what}: spans that arrived`, after.distinct - before.distinct, sent),
    exactly(`${what}: arrivals`, after.spans - before.spans, sent),
    exactly(`${what}: ambiguous`, report!.ambiguous, 0),
    told(`${what}: they took`, `${took.toFixed(0)} ms`),
  ]
}

/** Each span arrives once, however often the endpoint changes. */
export const backToBack: Scenario = {
  sinks: ['ids'],
  async run([sink]) {
    await sink!.fault({ type: 'drip', bytes: 100_000, intervalMs: 200 })
    return [...(await changed(sink!, 2)), ...(await changed(sink!, 10))]
  },
}
