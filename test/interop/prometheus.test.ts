/**
 * Prometheus itself as the judge: promtool reads the pages of broad generated workloads, and a real server scrapes
 * a real exporter and must arrive at the counts that were emitted.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { createTelemetry } from '../../src/index.ts'
import { counter, distribution, lastValue, sum } from '../../src/metrics/declared.ts'
import { drivePrometheus } from '../exporters/prometheus/driven.ts'
import { startOpened } from '../support/opened.ts'
import { freePort } from '../support/ports.ts'
import { quietLogger } from '../support/quiet-logger.ts'

/** Absent tools skip a developer's run, aloud, and fail CI. */
function needs(context: Mocha.Context, tool: string): void {
  if (spawnSync(tool, ['--version']).status === 0) return
  if (process.env.CI) throw new Error(`${tool} is not installed`)
  console.log(`      skipped: ${tool} is not installed (Debian package prometheus)`)
  context.skip()
}

function promtool(page: string): { status: number | null; problems: string } {
  const { status, stderr, stdout } = spawnSync('promtool', ['check', 'metrics'], {
    input: page,
    encoding: 'utf8',
  })
  return { status, problems: stderr + stdout }
}

/** promtool's exit status when the page is valid and only its taste is offended (a unit in an event's name, say). */
const lintOnly = 3

const metadataValue = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.double(),
  fc.boolean(),
  fc.constantFrom(null, '', '"', '\\', '\n', '\\n"', '😀', '\ud800', 'x'.repeat(2000), undefined),
)
const label = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('le', 'quantile', '__name__', 'a.b', 'a_b', 'job'),
)
const event = (name: fc.Arbitrary<string>) =>
  fc.tuple(
    name,
    fc.record(
      {
        count: fc.oneof(fc.nat(), fc.double()),
        duration_ms: fc.oneof(fc.nat(), fc.double()),
        size: fc.double(),
      },
      { requiredKeys: [] },
    ),
    fc.dictionary(label, metadataValue, { maxKeys: 6 }),
  )
const anyName = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 10 }),
  fc.constantFrom(
    'x',
    'x.total',
    'x_total',
    'x.duration_seconds',
    'x.duration_seconds.sum',
    'x.duration_seconds.bucket',
  ),
  fc.constantFrom(
    'total',
    '',
    '...',
    'up',
    'process.cpu.user.seconds',
    'telemachine.config.version',
    'a:b',
    'a.b',
    'a_b',
  ),
)

describe('interop: promtool', () => {
  before(function () {
    needs(this, 'promtool')
  })

  it('finds nothing to say about the page of an ordinary service', async () => {
    const { emit, page } = drivePrometheus({
      metrics: [
        counter('job.*', { name: 'jobs', tags: ['queue'] }),
        sum('disk.write', { measurement: 'size', unit: 'byte' }),
        lastValue('pool.state', { measurement: 'used', name: 'pool_used_connections' }),
        distribution('mail.sent', { measurement: 'size', unit: ['kilobyte', 'byte'], buckets: [1e3, 1e6] }),
      ],
    })
    for (let i = 0; i < 300; i++) {
      const metadata = {
        queue: `q${i % 3}`,
        ok: i % 2 === 0,
        retries: i % 4,
        le: i % 2,
        quantile: 'x',
        'http.route': '/a/"b"\\',
      }
      emit('job.start', { count: 1 }, metadata)
      emit('job.success', { count: 1, duration_ms: i }, metadata)
      emit('requests.total', { count: 1 }, { ...metadata, correlation_id: i })
      emit('total', { count: 1 })
      emit('hostile', { count: 1 }, { user: `u${i}` })
      emit('disk.write', { size: i })
      emit('pool.state', { used: -i })
      emit('mail.sent', { size: i / 10 })
    }
    const { text } = await page()
    const { status, problems } = promtool(text)
    assert.equal(status, 0, problems)
  })

  it('reads every page, and so does a strict parser, whatever was emitted', async () => {
    let judged = ''
    await fc.assert(
      fc.asyncProperty(
        fc.array(event(anyName), { maxLength: 60 }),
        fc.boolean(),
        async (events, overflowing) => {
          const system = drivePrometheus({}, overflowing ? { max_series: 1, max_metrics: 4 } : {})
          for (const one of events) system.emit(...one)
          const { accepted, delivered, dropped } = system.ledger
          assert.equal(accepted, delivered + Object.values(dropped).reduce((total, n) => total + n, 0))
          const { text } = await system.page()
          await system.page('openmetrics')
          // One run of promtool for many pages would hide collisions between them: the biggest is judged, and ten more.
          if (text.length > judged.length) judged = text
        },
      ),
      { numRuns: 60 },
    )
    const { status, problems } = promtool(judged)
    assert.ok(status === 0 || status === lintOnly, problems)
  })

  it('reads pages of hostile names and labels, one by one', async () => {
    for (const events of fc.sample(fc.array(event(anyName), { minLength: 20, maxLength: 60 }), 12)) {
      const system = drivePrometheus({}, { max_series: 3 })
      for (const one of events) system.emit(...one)
      const { text } = await system.page()
      const { status, problems } = promtool(text)
      assert.ok(status === 0 || status === lintOnly, problems)
    }
  })

  it("reads prom-client's metrics of the process beside ours", async () => {
    const { emit, page } = drivePrometheus({}, { default_metrics: true })
    emit('job', { count: 1 })
    const { status, problems } = promtool((await page()).text)
    // Some of prom-client's gauges are called `_total`, which promtool dislikes; nothing of ours may be named.
    assert.ok(status === 0 || status === lintOnly, problems)
    assert.doesNotMatch(problems, /job|telemachine/)
  })
})

describe('interop: a Prometheus server', () => {
  let directory: string
  let server: ChildProcess | undefined

  before(async function () {
    needs(this, 'prometheus')
    directory = await mkdtemp(join(tmpdir(), 'telemachine-prometheus-'))
  })
  afterEach(async () => {
    if (server && server.exitCode === null) {
      const exited = once(server, 'exit')
      server.kill('SIGKILL')
      await exited
    }
  })
  after(async () => {
    if (directory) await rm(directory, { recursive: true, force: true })
  })

  it('scrapes the page, and its counts are those that were emitted', async () => {
    const system = drivePrometheus({}, { default_metrics: true, max_series: 50 })
    const client = await system.open()
    try {
      const target = new URL(system.url(client)).host
      const api = await startServer(target)
      for (let i = 0; i < 1000; i++) {
        system.emit('job.done', { count: 1, duration_ms: i }, { queue: `q${i % 2}`, note: '"\\\n😀', le: 5 })
        system.emit('hostile', { count: 1 }, { user: i })
      }
      await until(async () => (await query(api, 'sum(job_done_total)')) === 1000)
      assert.equal(await query(api, 'job_done_total{queue="q1"}'), 500)
      assert.equal(await query(api, 'job_done_total{queue="q1",note="\\"\\\\\\n😀",exported_le="5"}'), 500)
      assert.equal(await query(api, 'sum(job_done_duration_seconds_count)'), 1000)
      assert.equal(await query(api, 'sum(job_done_duration_seconds_bucket{le=~"0.5|0.50"})'), 501)
      assert.equal(await query(api, 'sum(hostile_total)'), 1000)
      assert.equal(await query(api, 'hostile_total{otel_metric_overflow="true"}'), 950)
      assert.equal(await query(api, 'count(hostile_total)'), 51)
      assert.equal(await query(api, 'telemachine_breaker_state{state="disabled"}'), 1)
      assert.equal(await query(api, 'up'), 1)
      // A counter that stepped back would show as a reset.
      for (let i = 0; i < 500; i++) system.emit('job.done', { count: 2 }, { queue: 'q1' })
      await until(async () => (await query(api, 'sum(job_done_total)')) === 2000)
      assert.equal(await query(api, 'sum(resets(job_done_total[5m]))'), 0)
    } finally {
      await system.closeAll()
    }
  })

  it('stores the exemplars of the page, and returns them', async () => {
    const telemetry = createTelemetry({
      logger: quietLogger,
      drainOnExit: false,
      config: { env: {}, init: { prometheus: { port: 0, exemplars: true } } },
    })
    await startOpened(telemetry)
    try {
      const page = String(telemetry.status().exporters.prometheus?.client.url)
      const api = await startServer(new URL(page).host)
      let ids: object = {}
      telemetry.span('job', {}, ({ traceparent }) => {
        const [, traceId, spanId] = traceparent.split('-')
        ids = { trace_id: traceId, span_id: spanId }
        telemetry.emit('step.done', { count: 2, duration_ms: 30 })
      })
      const stored = async (name: string): Promise<{ labels: object; value: string }[]> => {
        const asked = `query=${name}&start=${Date.now() / 1000 - 60}&end=${Date.now() / 1000 + 60}`
        const { data } = (await (await fetch(`${api}/api/v1/query_exemplars?${asked}`)).json()) as {
          data: { exemplars: { labels: object; value: string }[] }[]
        }
        return data.flatMap(({ exemplars }) => exemplars)
      }
      await until(async () => (await stored('step_done_total')).length > 0)
      const [counted] = await stored('step_done_total')
      assert.deepEqual([counted?.labels, counted?.value], [ids, '2'])
      await until(async () => (await stored('step_done_duration_seconds_bucket')).length > 0)
      const [timed] = await stored('step_done_duration_seconds_bucket')
      assert.deepEqual([timed?.labels, timed?.value], [ids, '0.03'])
    } finally {
      await telemetry.stop()
    }
  })

  async function startServer(target: string): Promise<string> {
    const port = await freePort()
    const file = join(directory, 'prometheus.yml')
    await writeFile(
      file,
      `global: { scrape_interval: 300ms, scrape_timeout: 300ms }
scrape_configs:
  - job_name: telemachine
    static_configs: [{ targets: ['${target}'] }]
`,
    )
    const flags = [
      '--enable-feature=exemplar-storage',
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(directory, `data-${port}`)}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]
    server = spawn('prometheus', [...flags, '--log.level=error'], { stdio: 'ignore' })
    const api = `http://127.0.0.1:${port}`
    await until(async () => (await fetch(`${api}/-/ready`)).ok)
    return api
  }
})

async function query(api: string, expression: string): Promise<number | undefined> {
  const response = await fetch(`${api}/api/v1/query?query=${encodeURIComponent(expression)}`)
  const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } }
  const [first] = data.result
  return first && Number(first.value[1])
}

/** Asks again until it is so; another process's clock cannot be injected. */
async function until(reached: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await reached().catch(() => false)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('it did not come to pass')
}
