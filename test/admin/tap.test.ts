// The tap of the admin API streams live events to those who may ask, without the secrets of the configuration. It costs
// nothing while nobody follows, and no follower, however many events or however slow, harms the application.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { createAdmin } from '../../src/admin/index.ts'
import { ask, canary, openSite, type Site, token } from './site.ts'

interface Line {
  readonly name?: string
  readonly time?: number
  readonly measurements?: Record<string, unknown>
  readonly metadata?: Record<string, unknown>
  readonly trace_id?: string
  readonly span_id?: string
  readonly skipped?: number
}

interface Follower {
  readonly response: IncomingMessage
  /** The next line that is not a heartbeat. */
  next(): Promise<Line>
  leave(): void
}

/** Opens a tap; resolves when its response has begun, which is when its handler is attached. */
async function follow({ url }: Site, query = ''): Promise<Follower> {
  const asked = request(new URL(`tap${query}`, url), {
    agent: false,
    headers: { authorization: `Bearer ${token}` },
  })
  asked.on('error', () => {})
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  assert.equal(response.statusCode, 200)
  const lines = createInterface({ input: response })[Symbol.asyncIterator]()
  return {
    response,
    next: async () => {
      for (;;) {
        const { value, done } = await lines.next()
        assert.ok(!done, 'the stream has ended')
        if (value !== '') return JSON.parse(value as string) as Line
      }
    },
    leave: () => asked.destroy(),
  }
}

const taps = ({ telemetry }: Site) =>
  telemetry.handlers().filter(({ id }) => id.startsWith('telemachine.tap.'))

/** Resolves when no tap is attached any more. */
async function untapped(site: Site): Promise<void> {
  while (taps(site).length > 0) await new Promise((resolve) => setImmediate(resolve))
}

describe('the tap of the admin API', () => {
  let site: Site
  beforeEach(async () => {
    site = await openSite()
  })
  afterEach(() => site.close())

  it('streams events that match a pattern, as JSON lines', async () => {
    const follower = await follow(site, '?pattern=job.*&pattern=order.paid')
    site.telemetry.emit('cache.hit', { count: 1 })
    site.telemetry.emit('job.done', { count: 2, duration_ms: Number.NaN }, { queue: 'mail', tags: ['a', 1] })
    site.telemetry.emit('order.paid')
    const job = await follower.next()
    assert.equal(typeof job.time, 'number')
    assert.deepEqual(
      { ...job, time: 0 },
      {
        name: 'job.done',
        time: 0,
        measurements: { count: 2, duration_ms: 'NaN' },
        metadata: { queue: 'mail', tags: ['a', 1] },
      },
    )
    assert.equal((await follower.next()).name, 'order.paid')
  })

  it('names the span around an event', async () => {
    const follower = await follow(site, '?pattern=inner')
    await site.telemetry.span('outer', {}, async () => site.telemetry.emit('inner'))
    const { trace_id, span_id } = await follower.next()
    assert.match(trace_id!, /^[0-9a-f]{32}$/)
    assert.match(span_id!, /^[0-9a-f]{16}$/)
  })

  it('shows no secret of the configuration, and no credentials of a URL', async () => {
    const follower = await follow(site)
    site.telemetry.emit(
      'job.failed',
      {},
      {
        message: `401 for key ${canary}`,
        nested: { list: [canary] },
        [`key ${canary}`]: 1,
        url: 'https://user:word@host.example/path?sig=abc',
        long: `${'x'.repeat(995)}${canary}`,
      },
    )
    const { metadata } = await follower.next()
    const text = JSON.stringify(metadata)
    assert.ok(!text.includes(canary.slice(0, 6)), text)
    assert.ok(!text.includes('word') && !text.includes('sig=abc'), text)
    assert.equal(metadata!.message, '401 for key [redacted]')
  })

  it('cuts long texts', async () => {
    const follower = await follow(site)
    site.telemetry.emit('job.done', {}, { text: 'x'.repeat(10_000) })
    const { metadata } = await follower.next()
    assert.equal(metadata!.text, `${'x'.repeat(1000)}…`)
  })

  it('leaves out what is beyond its rate, and says how much', async () => {
    const follower = await follow(site, '?rate=5')
    for (let i = 0; i < 1000; i++) site.telemetry.emit('job.done', { count: i })
    let events = 0
    let line = await follower.next()
    for (; line.skipped === undefined; line = await follower.next()) events += 1
    assert.ok(events >= 5 && events <= 12, `${events} events`)
    assert.ok(line.skipped >= 1000 - events - 8 && line.skipped < 1000, `${line.skipped} skipped`)
  })

  it('attaches nothing without followers', async () => {
    assert.deepEqual(taps(site), [])
    const [first, second] = await Promise.all([follow(site), follow(site, '?pattern=a.*')])
    assert.deepEqual(
      taps(site).map(({ patterns }) => patterns),
      [['*'], ['a.*']],
    )
    first.leave()
    second.leave()
    await untapped(site)
  })

  it('needs the token', async () => {
    for (const authorization of [null, 'Bearer wrong', `Bearer ${token}x`])
      assert.equal((await ask(site.url, '/tap', { authorization })).status, 401)
    assert.deepEqual(taps(site), [])
  })

  it('refuses another origin, and another host', async () => {
    assert.equal((await ask(site.url, '/tap', { headers: { origin: 'https://evil.example' } })).status, 403)
    assert.equal((await ask(site.url, '/tap', { headers: { host: 'evil.example' } })).status, 403)
  })

  it('refuses rates and patterns beyond its limits', async () => {
    for (const query of ['rate=0', 'rate=1001', 'rate=x', 'rate=1e2', 'rate=-1'])
      assert.equal((await ask(site.url, `/tap?${query}`)).json().error.code, 'TAP_RATE_INVALID', query)
    const many = Array.from({ length: 17 }, () => 'pattern=a').join('&')
    for (const query of [many, `pattern=${'a'.repeat(257)}`])
      assert.equal((await ask(site.url, `/tap?${query}`)).json().error.code, 'TAP_PATTERN_INVALID')
    assert.equal((await ask(site.url, '/tap', { method: 'POST' })).status, 405)
    assert.deepEqual(taps(site), [])
  })

  it('answers a HEAD without attaching anything', async () => {
    const { status, headers } = await ask(site.url, '/tap', { method: 'HEAD' })
    assert.equal(status, 200)
    assert.match(String(headers['content-type']), /^application\/x-ndjson/)
    assert.deepEqual(taps(site), [])
  })

  it('opens at most eight', async () => {
    const followers = await Promise.all(Array.from({ length: 8 }, () => follow(site)))
    const { status, json } = await ask(site.url, '/tap')
    assert.equal(status, 503)
    assert.equal(json().error.code, 'ADMIN_BUSY')
    for (const { leave } of followers) leave()
    await untapped(site)
    ;(await follow(site)).leave()
  })

  it('keeps a bounded amount for a follower that does not read', async () => {
    const { hostname, port } = new URL(site.url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {})
    socket.write(`GET /tap?rate=1000 HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${token}\r\n\r\n`)
    while (taps(site).length === 0) await new Promise((resolve) => setImmediate(resolve))
    socket.pause()
    const reader = await follow(site, '?pattern=end')
    const text = 'x'.repeat(900)
    const before = process.memoryUsage().rss
    for (let i = 0; i < 300; i++) {
      for (let j = 0; j < 100; j++)
        site.telemetry.emit('job.done', { count: 1 }, { a: text, b: text, c: text })
      await new Promise((resolve) => setImmediate(resolve))
    }
    const kept = process.memoryUsage().rss - before
    assert.ok(kept < 200 * 1024 * 1024, `${kept} bytes`)
    // The application and other followers go on.
    site.telemetry.emit('end')
    assert.equal((await reader.next()).name, 'end')
    socket.destroy()
    reader.leave()
    await untapped(site)
  })

  it('ends its streams when the admin API closes', async () => {
    const { response } = await follow(site)
    const ended = once(response, 'close')
    response.resume()
    await site.admin.close()
    await ended
    assert.deepEqual(taps(site), [])
  })

  it('is not offered for what createTelemetry has not made', async () => {
    const { status, snapshot, flush, restart, breaker, config, attach } = site.telemetry
    const stranger = { status, snapshot, flush, restart, breaker, config, attach }
    const admin = createAdmin(stranger, { token })
    const { url } = await admin.listen()
    const answer = await ask(url, '/tap')
    assert.equal(answer.status, 501)
    assert.equal(answer.json().error.code, 'TAP_UNAVAILABLE')
    await admin.close()
  })
})
