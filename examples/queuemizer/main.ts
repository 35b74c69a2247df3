import { fork } from 'node:child_process'
import { once } from 'node:events'
import { relative } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createAdmin } from '../../src/admin/index.ts'
import { createTelemetry, otel, otelLogs, otelMetrics, prometheus } from '../../src/index.ts'
import type { QueuemizerEvents } from './events.ts'
import { createJobs } from './jobs.ts'
import type { LoadReport } from './load.ts'
import { freePort } from './ports.ts'
import { createReceivers } from './receivers.ts'
import {
  droppedOf,
  type Entry,
  ledgerEntry,
  logsEntry,
  pageEntry,
  pendingOf,
  spansEntry,
  sumsEntry,
} from './reckoning.ts'
import { playScenario } from './scenario.ts'
import { createScreen } from './screen.ts'
import { startService } from './service.ts'

/** The time to watch one step of the scenario, and how many such times it takes beside what the outage takes. */
const longestBeatMs = 2_000
const shortestBeatMs = 250
const beatsOfScenario = 9
const outageMs = 5_000
/** A second Ctrl-C after this long ends the process at once. */
const impatienceMs = 1_000
const workers = 4
const defaultRate = 150

const { seconds, rate, brisk } = readArguments()
const ending = new AbortController()
const screen = createScreen(process.stdout)
process.exitCode = await run()

function readArguments(): { seconds: number | undefined; rate: number; brisk: boolean } {
  const args = process.argv.slice(2).filter((arg) => arg !== '--')
  try {
    const { values } = parseArgs({
      args,
      options: {
        seconds: { type: 'string' },
        rate: { type: 'string' },
        brisk: { type: 'boolean', default: false },
      },
    })
    const positive = (name: 'seconds' | 'rate'): number | undefined => {
      const text = values[name]
      if (text === undefined) return undefined
      const number = Number(text)
      if (!(number > 0 && number < 1e6)) throw new Error(`--${name} is a number above 0`)
      return number
    }
    return { seconds: positive('seconds'), rate: positive('rate') ?? defaultRate, brisk: values.brisk }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}
usage: npm start -- [--seconds 30] [--rate 150] [--brisk]
  --seconds  ends after so long; else Ctrl-C ends it
  --rate     jobs posted a second
  --brisk    hurries through the scenario, and ends with it
`)
    process.exit(2)
  }
}

function timeToWatch(): number {
  if (brisk) return shortestBeatMs
  if (seconds === undefined) return longestBeatMs
  return Math.min(Math.max((seconds * 1000 - outageMs) / beatsOfScenario, shortestBeatMs), longestBeatMs)
}

/** A load generator in a process of its own. */
function startLoad(url: string) {
  const child = fork(fileURLToPath(new URL('./load.ts', import.meta.url)), [url, String(rate)])
  let report: LoadReport = { posted: 0, refused: 0, failed: 0 }
  let isWanted = true
  child.on('message', (message) => {
    report = message as LoadReport
  })
  const ended = once(child, 'exit')
  child.on('exit', () => {
    if (isWanted) screen.say('    the load generator ended before its time')
  })
  child.on('error', (error) => screen.say(`    the load generator: ${error.message}`))
  return {
    report: () => report,
    async stop(): Promise<void> {
      isWanted = false
      if (child.connected) child.send('stop')
      const patience = new AbortController()
      await Promise.race([ended, pause(7_000, undefined, patience).catch(() => {})])
      patience.abort()
      if (child.exitCode === null) child.kill('SIGKILL')
    },
  }
}

async function run(): Promise<number> {
  const file = fileURLToPath(new URL('./telemetry.toml', import.meta.url))
  const beatMs = timeToWatch()
  const receivers = createReceivers()
  await receivers.open()

  const hurried = { ...(beatMs < longestBeatMs && { reset_timeout: 0.5 }) }
  const telemetry = createTelemetry<QueuemizerEvents>({
    types: [otel(), otelLogs(), otelMetrics(), prometheus()],
    config: {
      file,
      init: {
        otel: { endpoint: receivers.a.url, ...hurried },
        otel_logs: { endpoint: receivers.a.logsUrl, ...hurried },
        otel_metrics: { endpoint: receivers.a.metricsUrl, ...hurried },
        prometheus: { port: await freePort(9464) },
      },
    },
    logger: screen.logger,
  })
  await telemetry.start()
  // Somebody was quicker with the port.
  if (telemetry.status().exporters.prometheus?.state !== 'serving')
    await telemetry.config.put('telemetry.prometheus.port', 0)
  const jobs = createJobs(telemetry, workers)
  const service = await startService({ telemetry, jobs, preferredPort: 8080 })
  // No token: this is a show on one's own machine. A service gives createAdmin a token.
  const admin = createAdmin(telemetry, { allowUnauthenticatedLoopback: true, logger: screen.logger })
  const { url: livePage } = await admin.listen()
  const load = startLoad(service.url)

  let askedAt = Number.NEGATIVE_INFINITY
  const end = (): void => {
    // One Ctrl-C may arrive several times: from the terminal, npm and tsx.
    if (ending.signal.aborted && performance.now() - askedAt > impatienceMs) process.exit(130)
    if (!ending.signal.aborted) askedAt = performance.now()
    ending.abort()
  }
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  const timeUp = seconds === undefined ? undefined : setTimeout(() => ending.abort(), seconds * 1000)

  const pageUrl = (): string => String(telemetry.status().exporters.prometheus?.client.url)
  screen.say(
    [
      'queuemizer compresses and hashes what is posted to it; a load generator posts.',
      `  service   ${service.url}/health, and: curl --data-binary @package.json '${service.url}/jobs?kind=hash'`,
      `  live      ${livePage} (the statecharts, ledgers and breakers; change settings there)`,
      `  metrics   ${pageUrl()}`,
      `  otlp      traces, logs and metrics, to receiver A ${new URL(receivers.a.url).origin} or B ${new URL(receivers.b.url).origin}`,
      `  settings  ${relative('.', file)} (watched: edit it while this runs)`,
      seconds === undefined ? 'Ctrl-C ends it.' : `It ends after ${seconds} s, or with Ctrl-C.`,
      '',
    ].join('\n'),
  )

  const decoded = (): string =>
    (['spanCount', 'logRecordCount', 'pointCount'] as const)
      .map((count, i) => `${['spans', 'logs', 'points'][i]} A ${receivers.a[count]} B ${receivers.b[count]}`)
      .join(' | ')
  const started = performance.now()
  const live = setInterval(() => {
    const { done, failed, queued } = jobs.counts()
    const { state, breaker, ledger } = telemetry.status().exporters.otel!
    const seconds = Math.round((performance.now() - started) / 1000)
    screen.live(
      `${String(seconds).padStart(3)} s | jobs ${done} done ${failed} failed ${queued} queued` +
        ` | ${decoded()} | otel ${state}, breaker ${breaker}` +
        ` | ${ledger.accepted} = ${ledger.delivered} + ${droppedOf(ledger)} dropped + ${pendingOf(ledger)} pending`,
    )
  }, 1_000)

  const findings: Entry[] = []
  try {
    await playScenario({ telemetry, receivers, jobs, screen, beatMs, signal: ending.signal }, findings)
    if (!brisk && !ending.signal.aborted) await once(ending.signal, 'abort')
  } catch (error) {
    findings.push({ text: `the scenario failed: ${(error as Error).stack}`, holds: false })
  }

  clearTimeout(timeUp)
  clearInterval(live)
  screen.settle()
  screen.say('\nEnding: the load stops, the queue is worked off, telemetry drains and closes.')
  await load.stop()
  await jobs.idle()
  const page = await fetch(pageUrl()).then(
    (response) => response.text(),
    () => '',
  )
  await admin.close()
  const { exporters } = await telemetry.stop()
  await Promise.all([service.close(), receivers.close()])

  const { posted, refused, failed } = load.report()
  screen.say(`\nLoad: ${posted} jobs posted, ${refused} refused, ${failed} not answered. Ledgers, in events:`)
  const account = [
    ...Object.entries(exporters).map(([id, ledger]) => ledgerEntry(id, ledger)),
    spansEntry(exporters.otel!, receivers.a.spanCount, receivers.b.spanCount),
    logsEntry(exporters.otel_logs!, receivers.a.logRecordCount, receivers.b.logRecordCount),
    sumsEntry(receivers.total, jobs.counts()),
    pageEntry(page, jobs.counts()),
    ...findings,
  ]
  for (const { text, holds } of account) screen.say(`  ${holds ? 'ok ' : 'NOT'} ${text}`)
  const adds = account.every(({ holds }) => holds)
  screen.say(adds ? 'It adds up.' : 'It does not add up.')
  return adds ? 0 : 1
}
