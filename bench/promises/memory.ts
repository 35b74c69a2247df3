import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createTelemetry, otel } from '../../src/index.ts'
import { type Ours, startOurs } from '../peers/contenders.ts'
import { memoryGrowth, sleep } from '../peers/workers.ts'
import { exactly, type Finding, grewAtMost, type RemoteSink, type Scenario, told } from './scenario.ts'

/** The default of `queue_bytes`, and what may come on top, in MiB. */
const boundMib = 64 + 32
const attributes = 16
const length = 16 * 1024
const perTurn = 8

/** Equal for all spans: what is queued is encoded, so that the values themselves need not be of their own. */
const shared = Array.from(
  { length: attributes },
  (_, i) => 'x'.repeat(length - 2) + String.fromCharCode(97 + i),
)

const withShared = (i: number): Record<string, unknown> =>
  Object.fromEntries([['correlation_id', i], ...shared.map((value, k) => [`attribute_${k}`, value])])

/** Values of their own: what is held refers to them. */
const withUnique = (i: number): Record<string, unknown> => {
  const value = (k: number): string => Buffer.alloc(length, `${i} ${k} `).toString('latin1')
  return Object.fromEntries([
    ['correlation_id', i],
    ...Array.from({ length: attributes }, (_, k) => [`attribute_${k}`, value(k)]),
  ])
}

async function fill(count: number, one: (i: number) => void): Promise<void> {
  for (let i = 0; i < count; i++) {
    one(i)
    if (i % perTurn === perTurn - 1) await sleep(2)
  }
}

/** Until the code is compiled, and the heap has the size that small spans need. */
async function warmUp(ours: Ours): Promise<void> {
  for (let i = 0; i < 20_000; i++) {
    ours.span(i)
    if (i % 50 === 0) await sleep(1)
  }
  await ours.flush()
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** From now on, beside a heap whose young generation has grown as far as such values make it. */
function growthFromHere(): () => number {
  for (let i = 0; i < 400; i++) withUnique(i)
  collectGarbage()
  return memoryGrowth()
}

async function queued(sink: RemoteSink, spans: number): Promise<Finding[]> {
  const ours = await startOurs({ kind: 'native', url: sink.url })
  await warmUp(ours)
  const before = (await sink.stats()).spans
  const { accepted } = ours.counts()!
  await sink.fault({ type: 'refuse' })
  const growth = growthFromHere()
  await fill(spans, (i) => {
    ours.telemetry.emit('job.start', {}, withShared(i))
    ours.telemetry.emit('job.success', { duration_ms: 1.5 }, { correlation_id: i })
  })
  await sleep(1_000)
  const finding = grewAtMost(
    `${spans} spans of 256 KiB, backend refused: resident growth`,
    growth(),
    boundMib,
  )
  await sink.clear()
  await ours.flush()
  const { reasons, dropped } = ours.counts()!
  const report = await ours.stop(20_000)
  const { spans: after } = await sink.stats()
  return [
    finding,
    told('of these dropped', reasons),
    exactly('the rest that has not arrived', spans - dropped - (after - before), 0),
    exactly('accepted', report!.accepted - accepted, spans),
  ]
}

async function held(sink: RemoteSink, spans: number): Promise<Finding[]> {
  const ours = await startOurs({ kind: 'native', url: sink.url })
  await warmUp(ours)
  const growth = growthFromHere()
  await fill(spans, (i) => ours.telemetry.emit('job.start', {}, withUnique(i)))
  await sleep(1_000)
  const finding = grewAtMost(`${spans} open spans of 256 KiB: resident growth`, growth(), boundMib)
  const { reasons } = ours.counts()!
  await ours.stop(5_000)
  return [finding, told('of these dropped', reasons)]
}

async function buffered(sink: RemoteSink, spans: number): Promise<Finding[]> {
  const telemetry = createTelemetry({
    types: [otel()],
    config: { env: {}, init: { otel: { endpoint: sink.url } } },
    drainOnExit: false,
  })
  const growth = growthFromHere()
  await fill(spans, (i) => {
    telemetry.emit('job.start', {}, withUnique(i))
    telemetry.emit('job.success', { duration_ms: 1.5 }, { correlation_id: i })
  })
  await sleep(1_000)
  const what = `${spans} spans of 256 KiB before the start: resident growth`
  const finding = grewAtMost(what, growth(), boundMib)
  await telemetry.start()
  const { dropped } = telemetry.status().exporters.otel!.ledger
  await telemetry.stop()
  return [finding, told('of these dropped, in events', dropped)]
}

/** What waits is bounded in bytes, wherever it waits. */
const bounded = (fillIt: (sink: RemoteSink, spans: number) => Promise<Finding[]>): Scenario => ({
  sinks: ['count'],
  run: ([sink], { spans }) => fillIt(sink!, spans),
})

export const fullQueue = bounded(queued)
export const openSpans = bounded(held)
export const beforeStart = bounded(buffered)
