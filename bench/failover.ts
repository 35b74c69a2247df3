/**
 * How long a fallback endpoint takes to take over, with default settings, at 5,000 spans a second: from the opening of
 * the primary's circuit breaker to the first batch that the fallback has accepted, and back.
 * `npm --prefix bench run failover -- --seconds 20 --fault refuse`, or `hang`, `unavailable`, `unauthorized`.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createTelemetry } from '../src/index.ts'
import type { Fault } from '../src/testing/index.ts'
import { startSink } from './sink.ts'

const faults: Readonly<Record<string, Fault>> = {
  refuse: { type: 'refuse' },
  hang: { type: 'hang' },
  unavailable: { type: 'status', status: 503 },
  unauthorized: { type: 'status', status: 401 },
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    fault: { type: 'string', default: 'refuse' },
    rate: { type: 'string', default: '5000' },
  },
})
const seconds = Number(values.seconds)
const fault = faults[values.fault]
if (fault === undefined) throw new Error(`--fault is one of ${Object.keys(faults).join(', ')}`)

/** Only the primary misses spans while it is down, so each sink tells them apart: what arrived twice is counted once. */
const [primary, fallback] = await Promise.all([startSink({ decode: 'ids' }), startSink({ decode: 'ids' })])
const telemetry = createTelemetry({
  config: { env: {}, init: { otel: { endpoints: [primary.url, fallback.url] } } },
  drainOnExit: false,
})
const seen = new Map<string, number>()
const note = (what: string): void => void (seen.has(what) || seen.set(what, performance.now()))
telemetry.attach('bench', ['telemetry.breaker.state', 'telemetry.endpoint.state'], ({ metadata }) => {
  const { endpoint, from, to } = metadata as Record<string, unknown>
  note(endpoint === undefined ? `endpoint ${from} to ${to}` : `breaker ${endpoint} ${to}`)
})
await telemetry.start()

let emitted = 0
let isOver = false
const emitting = (async () => {
  const began = performance.now()
  while (!isOver) {
    const due = Math.floor(((performance.now() - began) / 1000) * Number(values.rate))
    for (; emitted < due; emitted += 1) {
      telemetry.emit('job.start', {}, { correlation_id: emitted, queue: 'mail' })
      telemetry.emit('job.success', { duration_ms: 1 }, { correlation_id: emitted })
    }
    await wait(2)
  }
})()

/** Polls the fallback: its first accepted batch after the fault. */
const accepted = (async () => {
  while (!isOver && (await fallback.stats()).spans === 0) await wait(5)
  note('fallback accepts')
})()

await wait(3_000)
const faultAt = performance.now()
await primary.fault(fault)
await wait(seconds * 1000)
const clearedAt = performance.now()
await primary.clear()
await wait(seconds * 1000)
isOver = true
await Promise.all([emitting, accepted])
const flushed = await telemetry.flush({ timeoutMs: 30_000 })
const { otel } = telemetry.status().exporters
const stats = await Promise.all([primary.stats(), fallback.stats()])
await telemetry.stop()

const after = (event: string, start: number | undefined): string => {
  const at = seen.get(event)
  return at === undefined || start === undefined ? 'never' : `${((at - start) / 1000).toFixed(3)} s`
}
console.log(`fault: ${values.fault}, ${emitted} spans at ${values.rate}/s`)
console.log(`breaker of the primary opens after the fault:   ${after('breaker 0 open', faultAt)}`)
console.log(
  `fallback accepts after the breaker's opening:   ${after('fallback accepts', seen.get('breaker 0 open'))}`,
)
console.log(`primary taken back after it is healthy again:   ${after('endpoint 1 to 0', clearedAt)}`)
console.log(`flushed: ${flushed.complete}; ledger: ${JSON.stringify(otel?.ledger)}`)
console.log(
  `by endpoint: ${JSON.stringify(otel?.endpoints?.map(({ delivered, ambiguous }) => ({ delivered, ambiguous })))}`,
)
console.log(
  `sinks took ${stats.map(({ spans, distinct }) => `${spans} (${distinct} different)`).join(' and ')}`,
)
const lost = emitted - stats.reduce((sum, { distinct }) => sum + distinct, 0)
console.log(`lost: ${Math.max(lost, 0)}${lost < 0 ? `; ${-lost} arrived at both` : ''}`)
await Promise.all([primary.close(), fallback.close()])
