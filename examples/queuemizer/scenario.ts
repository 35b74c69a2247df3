import { setTimeout as pause } from 'node:timers/promises'
import type { Backend } from '../../src/testing/index.ts'
import type { QueuemizerTelemetry } from './events.ts'
import { hostileMetadata } from './hostile.ts'
import type { Jobs } from './jobs.ts'
import { addsUp, killAndRestart } from './kill.ts'
import { freePort } from './ports.ts'
import { endpointsOf, type Receivers } from './receivers.ts'
import { droppedOf, type Entry } from './reckoning.ts'
import type { Screen } from './screen.ts'

export interface Stage {
  readonly telemetry: QueuemizerTelemetry
  readonly receivers: Receivers
  readonly jobs: Jobs
  readonly screen: Screen
  /** The time to watch one thing. */
  readonly beatMs: number
  /** Aborted when the example is to end. */
  readonly signal: AbortSignal
}

/** What an operator would do on a bad day, while the load runs. Adds to `findings` what was checked on the way. */
export async function playScenario(stage: Stage, findings: Entry[]): Promise<void> {
  const { receivers, screen, signal } = stage
  const steps = [moveEndpoint, disableAndEnable, outage, movePort, carelessCallers, kill]
  try {
    await signalsArrive(stage, receivers.a)
    await beats(stage, 1)
    for (const step of steps) {
      screen.say()
      findings.push(...(await step(stage)))
      signal.throwIfAborted()
    }
    screen.say('\nThe scenario is over.')
  } catch (error) {
    if (!signal.aborted) throw error
    screen.say('\nThe scenario was cut short.')
  }
}

const beats = ({ beatMs, signal }: Stage, count: number): Promise<void> =>
  pause(beatMs * count, undefined, { signal })

/** The load generator takes a moment to start, and a busy machine may need another. */
async function signalsArrive({ signal }: Stage, at: Backend): Promise<void> {
  while (at.spanCount === 0 || at.logRecordCount === 0 || at.pointCount === 0)
    await pause(20, undefined, { signal })
}

/**
 * Events dropped by the exporters of all signals, without those that lost nothing: ends of spans that began while the
 * exporter was disabled, and events that measure nothing.
 */
function lostOf({ telemetry }: Stage): number {
  const { exporters } = telemetry.status()
  return ['otel', 'otel_logs', 'otel_metrics'].reduce((lost, id) => {
    const { ledger } = exporters[id]!
    const { unmatched_end = 0, ignored = 0 } = ledger.dropped
    return lost + droppedOf(ledger) - unmatched_end - ignored
  }, 0)
}

const otelOf = (stage: Stage) => stage.telemetry.status().exporters.otel!

async function timed(change: Promise<unknown>): Promise<string> {
  const started = performance.now()
  await change
  return `${(performance.now() - started).toFixed(1)} ms`
}

async function moveEndpoint(stage: Stage): Promise<Entry[]> {
  const { telemetry, receivers, screen } = stage
  screen.say('1. The endpoints of all signals move from receiver A to B: config.put({ … }), one transaction')
  const before = lostOf(stage)
  const took = await timed(telemetry.config.put(endpointsOf(receivers.b)))
  screen.say(`   in force after ${took}; the exporter is ${otelOf(stage).state}`)
  await beats(stage, 2)
  await signalsArrive(stage, receivers.b)
  const lost = lostOf(stage) - before
  const { a, b } = receivers
  screen.say(
    `   A stands at ${a.spanCount} spans, ${a.logRecordCount} log records, ${a.pointCount} data points;` +
      ` B has ${b.spanCount}, ${b.logRecordCount}, ${b.pointCount}; events lost: ${lost}`,
  )
  return [{ text: `endpoints moved under load: ${lost} events lost`, holds: lost === 0 }]
}

async function disableAndEnable(stage: Stage): Promise<Entry[]> {
  const { telemetry, jobs, screen } = stage
  screen.say(`2. The exporter is disabled: config.put('telemetry.otel.enabled', false)`)
  try {
    const off = await timed(telemetry.config.put('telemetry.otel.enabled', false))
    const { state, ledger } = otelOf(stage)
    screen.say(
      `   ${state} after ${off}; what was queued was sent first, now queued: ${ledger.pending.queued}`,
    )
    const done = jobs.counts().done
    await beats(stage, 1)
    screen.say(
      `   the service went on: ${jobs.counts().done - done} jobs. Now it is enabled: config.put(…, true)`,
    )
  } finally {
    const on = await timed(telemetry.config.put('telemetry.otel.enabled', true))
    screen.say(`   ${otelOf(stage).state} after ${on}`)
  }
  await beats(stage, 1)
  const { disabled = 0, unmatched_end = 0 } = otelOf(stage).ledger.dropped
  screen.say(
    `   counted: ${disabled} spans were open when it went (disabled), ${unmatched_end} began without it (unmatched_end)`,
  )
  const { state } = otelOf(stage)
  return [{ text: `exporter disabled and enabled: it is ${state}`, holds: state === 'serving' }]
}

/** Follows the breaker; `reaches` resolves once it has been seen in a state. */
function watchBreaker({ telemetry, signal }: Stage) {
  const path: string[] = [telemetry.status().exporters.otel!.breaker]
  const waiting = new Set<() => void>()
  const detach = telemetry.attach('scenario.breaker', 'telemetry.breaker.state', ({ metadata }) => {
    if (metadata.exporter !== 'otel') return
    path.push(String(metadata.to))
    for (const look of waiting) look()
  })
  const reaches = (state: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const giveUp = AbortSignal.any([signal, AbortSignal.timeout(20_000)])
      const look = (): void => {
        if (path.at(-1) !== state) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      giveUp.addEventListener('abort', () => reject(giveUp.reason), { once: true })
      if (giveUp.aborted) reject(giveUp.reason)
      look()
    })
  return { path, reaches, detach }
}

async function outage(stage: Stage): Promise<Entry[]> {
  const { receivers, screen } = stage
  screen.say('3. Receiver B goes down: connections are refused')
  const before = lostOf(stage)
  const breaker = watchBreaker(stage)
  try {
    await receivers.b.close()
    try {
      const opened = await timed(breaker.reaches('open'))
      screen.say(`   the breaker is open after ${opened}: ${otelOf(stage).lastError?.message}`)
      await beats(stage, 1)
      const { queued } = otelOf(stage).ledger.pending
      screen.say(`   events wait in the queue: ${queued}. Receiver B comes back`)
    } finally {
      await receivers.b.reopen()
    }
    const closed = await timed(breaker.reaches('closed'))
    screen.say(`   after ${closed} a probe was let through and arrived: ${breaker.path.join(' → ')}`)
    await beats(stage, 1)
  } finally {
    breaker.detach()
  }
  const { ledger } = otelOf(stage)
  const lost = lostOf(stage) - before
  screen.say(
    `   the queue was sent on: ${ledger.pending.queued + ledger.pending.in_flight} wait now; events lost: ${lost}`,
  )
  return [
    {
      text: `receiver down and up again: ${breaker.path.join(' → ')}, ${lost} events lost`,
      holds: lost === 0,
    },
  ]
}

const isServed = (url: string): Promise<boolean> =>
  fetch(url).then(
    async (response) => (await response.text()).length > 0 && response.ok,
    () => false,
  )

async function movePort(stage: Stage): Promise<Entry[]> {
  const { telemetry, screen } = stage
  const page = () => telemetry.status().exporters.prometheus!.client as { url: string; port: number }
  const old = page()
  const port = await freePort(old.port + 1)
  screen.say(`4. The metrics page moves: config.put('telemetry.prometheus.port', ${port})`)
  const move = (to: number) => telemetry.config.put('telemetry.prometheus.port', to)
  // Refused if somebody was quicker with the port; the page has not moved then.
  const took = await timed(move(port).catch(() => move(0)))
  const [there, here] = [await isServed(page().url), await isServed(old.url)]
  screen.say(
    `   in force after ${took}: ${page().url} ${there ? 'answers' : 'is silent'}, ${old.url} ${here ? 'still answers' : 'is closed'}`,
  )
  await beats(stage, 1)
  return [{ text: `metrics page moved to ${page().url}`, holds: there && !here }]
}

async function carelessCallers(stage: Stage): Promise<Entry[]> {
  const { telemetry, jobs, screen } = stage
  screen.say('5. Careless callers: a change that is wrong, a handler that throws, metadata that bites')
  const refusal = await telemetry.config
    .put({ 'telemetry.otel.endpoint': 'ftp://backup', 'telemetry.prometheus.port': 99_999 })
    .then(
      () => 'accepted?!',
      (error: Error) => error.message,
    )
  screen.say(`   refused as a whole: ${refusal}`)
  const before = jobs.counts().done
  let wasCalled = false
  telemetry.attach('scenario.pager', 'queuemizer.job.done', () => {
    wasCalled = true
    throw new Error('the pager is down')
  })
  try {
    for (const metadata of hostileMetadata()) telemetry.emit('queuemizer.hostile', { count: 1 }, metadata)
    await beats(stage, 1)
    while (!wasCalled) await pause(20, undefined, { signal: stage.signal })
  } finally {
    const failures = telemetry.handlers().find(({ id }) => id === 'scenario.pager')?.failures
    telemetry.detach('scenario.pager')
    const cut = Object.entries(telemetry.status().bus.sanitized).flatMap(([what, count]) =>
      count > 0 ? [`${what} ${count}`] : [],
    )
    screen.say(`   the handler threw ${failures} times; from metadata was cut or dropped: ${cut.join(', ')}`)
  }
  const served = jobs.counts().done - before
  screen.say(`   the service went on: ${served} jobs`)
  return [
    {
      text: `careless callers: ${served} jobs done meanwhile`,
      holds: served > 0 && refusal !== 'accepted?!',
    },
  ]
}

/** Jobs of the service that is killed. */
const mortalJobs = 200

async function kill({ screen, signal }: Stage): Promise<Entry[]> {
  screen.say('6. Another service is killed in an outage (SIGKILL), and started again on the same spool')
  const lives = await killAndRestart(mortalJobs, signal)
  const { first, second, received } = lives
  screen.say(
    `   when it was killed: accepted ${first.accepted}, delivered ${first.delivered}, the rest on disk;` +
      ` its receiver was down`,
  )
  screen.say(
    `   its next life found ${second.restored} events and delivered ${second.delivered}; the receiver decoded ${received} spans`,
  )
  return [
    {
      text: `killed in an outage and restarted: ${first.accepted} events emitted = ${first.delivered + second.delivered} delivered over both lives`,
      holds: addsUp(mortalJobs, lives),
    },
  ]
}
