/**
 * How long a scrape of very many series keeps the event loop to itself. The scraper is a process of its own, so that
 * only our work is in this one. `npm --prefix bench run scrape`, on a quiet machine.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createTelemetry, prometheus } from '../../src/index.ts'
import { longestTurn, median } from './turns.ts'

/** Fetches a page as often as it is told to, all at once, and answers with its size. */
const program = `process.on('message', async ({ url, times, headers }) => {
  const fetched = Array.from({ length: times }, async () => (await fetch(url, { headers })).arrayBuffer())
  const [page] = await Promise.all(fetched)
  process.send(page.byteLength)
})`
const scraper = spawn(process.execPath, ['--eval', program], {
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
})

/** A system with `series` label sets in 20 metrics, at the default limits otherwise. */
async function serve(series: number, measurements: object) {
  const telemetry = createTelemetry({
    types: [prometheus()],
    drainOnExit: false,
    config: { env: {}, init: { prometheus: { port: 0 } } },
  })
  await telemetry.start()
  for (let i = 0; i < series; i += 1) {
    telemetry.emit(`job.of_kind_${i % 20}`, measurements, { queue: `queue-${i}`, host: 'a.example' })
    if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await telemetry.flush()
  const { port } = telemetry.status().exporters.prometheus!.client
  return { telemetry, url: `http://127.0.0.1:${port}/metrics` }
}

const rounds = 21

for (const [what, measurements] of [
  ['counters', { count: 1 }],
  ['histograms', { duration_ms: 12 }],
] as const)
  for (const [how, times, encoding] of [
    ['one scraper', 1, 'identity'],
    ['one scraper, gzip', 1, 'gzip'],
    ['ten at once', 10, 'identity'],
  ] as const) {
    const { telemetry, url } = await serve(20_000, measurements)
    const longest: number[] = []
    const cpu: number[] = []
    let bytes = 0
    for (let round = 0; round < rounds; round += 1) {
      const { longestMs, longestCpuMs } = await longestTurn(async () => {
        scraper.send({ url, times, headers: { 'accept-encoding': encoding } })
        ;[bytes] = await once(scraper, 'message')
      })
      longest.push(longestMs)
      cpu.push(longestCpuMs)
    }
    console.log(
      `20,000 ${what}, ${how}`.padEnd(40),
      `${(bytes / 1e6).toFixed(1).padStart(5)} MB, longest turn ${median(longest).toFixed(1)} ms, worst of ${rounds} ${Math.max(...longest).toFixed(1)} ms; of CPU ${median(cpu).toFixed(1)}, ${Math.max(...cpu).toFixed(1)} ms`,
    )
    await telemetry.stop()
  }
scraper.kill()
