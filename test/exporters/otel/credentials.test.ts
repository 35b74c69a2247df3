// Headers that expire: from a function of the program or from a file. A rotation loses nothing, a function that fails is a
// failure like any other, nothing obtained is seen anywhere, and nothing of it goes to a destination that an untrusted
// source named.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  createTelemetry,
  type HeadersRequest,
  type OtelOptions,
  otel,
  type Telemetry,
} from '../../../src/index.ts'
import { createBackend } from '../../../src/testing/index.ts'
import { pause } from '../../support/poll.ts'

const mark = 'c4nary'

describe('headers that are obtained at runtime', () => {
  const closing: (() => unknown)[] = []
  const logged: unknown[] = []
  const unhandled: unknown[] = []
  const onUnhandled = (error: unknown): void => void unhandled.push(error)
  before(() => process.on('unhandledRejection', onUnhandled))
  after(() => void process.off('unhandledRejection', onUnhandled))
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
    await new Promise((resolve) => setImmediate(resolve))
    logged.length = 0
    assert.deepEqual(unhandled, [])
  })

  /** A backend that takes one token at a time, or two while they rotate, and counts what it refuses. */
  const guarded = async (first: string) => {
    const backend = createBackend()
    await backend.listen()
    closing.push(() => backend.close())
    const state = { valid: first, alsoValid: '', refused: 0, seen: new Set<string>() }
    backend.fault({
      type: 'choose',
      choose: ({ headers }) => {
        const token = String(headers.authorization)
        state.seen.add(token)
        if (token === state.valid || token === state.alsoValid) return undefined
        state.refused++
        return { type: 'status', status: 401, body: `no: ${token}` }
      },
    })
    return { backend, state, url: backend.url }
  }

  const run = async (options: OtelOptions, table: Record<string, unknown>) => {
    const log = (...said: unknown[]) => void logged.push(said)
    const telemetry = createTelemetry({
      types: [otel(options)],
      config: { env: {}, init: { otel: table as object } },
      logger: { debug: log, info: log, warn: log, error: log },
      drainOnExit: false,
    })
    closing.push(() => telemetry.stop({ timeoutMs: 300 }))
    await telemetry.start()
    return telemetry
  }

  let next = 0
  const emitSpans = (telemetry: Telemetry, count = 1): void => {
    for (let i = 0; i < count; i++) {
      const correlation_id = ++next
      telemetry.emit('job.start', {}, { correlation_id })
      telemetry.emit('job.success', { duration_ms: 1 }, { correlation_id })
    }
  }

  const views = (telemetry: Telemetry): string =>
    inspect([telemetry.status({ history: true }), telemetry.config.explain(), telemetry.snapshot(), logged], {
      depth: 20,
      maxStringLength: null,
      maxArrayLength: null,
    })
  const exporter = (telemetry: Telemetry) => telemetry.status().exporters.otel!

  describe('from a function', () => {
    it('come before the first batch, and are asked for once', async () => {
      const { url, backend } = await guarded(`Bearer ${mark}-1`)
      const reasons: string[] = []
      const telemetry = await run(
        {
          headers: async ({ reason }) => {
            reasons.push(reason)
            return { authorization: `Bearer ${mark}-1` }
          },
        },
        { endpoint: url, headers: { authorization: 'Bearer of the configuration' } },
      )
      // `start` waits for the client for a second at most.
      while (reasons.length === 0) await new Promise((resolve) => setImmediate(resolve))
      for (let i = 0; i < 3; i++) {
        emitSpans(telemetry)
        assert((await telemetry.flush()).complete)
      }
      assert.deepEqual([reasons, backend.spanCount], [['start'], 3])
    })

    it('are asked for once more after a 401, and the batch arrives', async () => {
      const { url, state, backend } = await guarded(`Bearer ${mark}-old`)
      const reasons: string[] = []
      const telemetry = await run(
        {
          headers: ({ reason }) => {
            reasons.push(reason)
            return { authorization: state.valid }
          },
        },
        { endpoint: url },
      )
      emitSpans(telemetry)
      assert((await telemetry.flush()).complete)
      state.valid = `Bearer ${mark}-new`
      emitSpans(telemetry)
      assert((await telemetry.flush()).complete)
      const { ledger, breaker } = exporter(telemetry)
      assert.deepEqual([reasons, state.refused, backend.spanCount], [['start', 'refused'], 1, 2])
      assert.deepEqual([ledger.delivered, ledger.dropped, breaker], [4, {}, 'closed'])
    })

    it('count as misdirected where the function has no others, and are seen nowhere', async () => {
      const { url, state } = await guarded('Bearer somebody else')
      const telemetry = await run(
        { headers: () => ({ authorization: `Bearer ${mark}-wrong`, 'x-tenant-key': `${mark}-tenant` }) },
        { endpoint: url },
      )
      emitSpans(telemetry)
      await telemetry.flush({ timeoutMs: 300 })
      while (exporter(telemetry).breaker === 'closed') await pause()
      const { ledger, breaker, lastError } = exporter(telemetry)
      assert.deepEqual([ledger.dropped, breaker, state.refused], [{ misdirected: 2 }, 'open', 1])
      assert.match(lastError!.message, /answered HTTP 401: no: .*redacted/)
      assert(!views(telemetry).includes(mark))
    })

    const failing: readonly (readonly [string, OtelOptions, RegExp])[] = [
      [
        'throws',
        {
          headers: () => {
            throw new Error('the vault is sealed')
          },
        },
        /the function headers of otel\(\) failed: the vault is sealed/,
      ],
      ['rejects', { headers: () => Promise.reject(new Error('sealed')) }, /failed: sealed/],
      [
        'hangs',
        { headers: () => new Promise(() => {}), headersTimeoutMs: 20 },
        /did not answer within 0.02 s/,
      ],
      ['gives a number', { headers: (() => 7) as never }, /gave no table/],
      [
        'gives an invalid header',
        { headers: () => ({ 'a b': `${mark}` }) },
        /must give a table whose keys are/,
      ],
      ['gives an invalid life', { headers: () => ({ headers: {}, expiresInMs: -1 }) }, /expiresInMs/],
    ]
    for (const [what, options, message] of failing)
      it(`leave the batch waiting when the function ${what}, in words that name it`, async () => {
        const { url, state } = await guarded('any')
        const telemetry = await run(options, {
          endpoint: url,
          failure_threshold: 1,
          initial_reset_timeout: 60,
        })
        emitSpans(telemetry)
        assert(!(await telemetry.flush({ timeoutMs: 300 })).complete)
        while (exporter(telemetry).breaker === 'closed') await pause()
        const { ledger, lastError, breaker } = exporter(telemetry)
        assert.equal(lastError!.code, 'CREDENTIALS_FAILED')
        assert.match(lastError!.message, message)
        assert.deepEqual([ledger.dropped, ledger.ambiguous, state.seen.size], [{}, 0, 0])
        // The probe of a flush may be under way.
        assert.ok(breaker === 'open' || breaker === 'half_open', breaker)
        assert(!views(telemetry).includes(mark))
      })

    it('are obtained again when the operator changes the destination', async () => {
      const [first, second] = [await guarded('Bearer first'), await guarded('Bearer second')]
      const reasons: string[] = []
      const telemetry = await run(
        {
          headers: ({ reason }) => {
            reasons.push(reason)
            return { authorization: reason === 'moved' ? 'Bearer second' : 'Bearer first' }
          },
        },
        { endpoint: first.url },
      )
      emitSpans(telemetry)
      assert((await telemetry.flush()).complete)
      await telemetry.config.put('otel.compression', 'gzip')
      await telemetry.config.put('otel.endpoint', second.url)
      emitSpans(telemetry)
      assert((await telemetry.flush()).complete)
      assert.deepEqual(reasons, ['start', 'moved'])
      assert.deepEqual([...second.state.seen], ['Bearer second'])
    })

    it('never go to a destination that an untrusted source named', async () => {
      const [own, foreign] = [await guarded(`Bearer ${mark}`), await guarded('Bearer brought')]
      const asked: HeadersRequest[] = []
      const telemetry = await run(
        {
          headers: (request) => {
            asked.push(request)
            return { authorization: `Bearer ${mark}` }
          },
        },
        { endpoint: own.url },
      )
      const endpoint = { 'otel.endpoint': foreign.url }
      await assert.rejects(telemetry.config.putFrom('admin', endpoint), /is not used for a destination/)
      await telemetry.config.putFrom('admin', {
        ...endpoint,
        'otel.headers': { authorization: 'Bearer brought' },
      })
      emitSpans(telemetry)
      assert((await telemetry.flush()).complete)
      assert.deepEqual([...foreign.state.seen], ['Bearer brought'])
      assert.equal(asked.length, 1)
    })

    for (const inFlight of [1, 4])
      it(`lose nothing while they rotate under load, with at most ${inFlight} × 401 for a rotation`, async () => {
        const { url, state, backend } = await guarded('Bearer 0')
        const telemetry = await run(
          { headers: async () => ({ authorization: state.valid }) },
          { endpoint: url, flush_interval: 0.01, batch_size: 100, max_in_flight: inFlight },
        )
        const rotations = 10
        for (let rotation = 1; rotation <= rotations; rotation++) {
          emitSpans(telemetry, 500)
          await backend.waitForSpans(rotation * 500 - 400)
          state.valid = `Bearer ${rotation}`
          assert((await telemetry.flush()).complete)
        }
        const { ledger } = exporter(telemetry)
        assert.deepEqual([ledger.delivered, ledger.dropped, ledger.ambiguous], [rotations * 1000, {}, 0])
        assert.equal(backend.spanCount, rotations * 500)
        assert(state.refused > 0 && state.refused <= rotations * inFlight, `${state.refused} refused`)
      })

    it('rotate under load without one 401 where it is known when they expire, with default settings', async () => {
      const { url, state, backend } = await guarded('Bearer 0')
      let issued = 0
      const telemetry = await run(
        {
          // As issuers do: the token before is valid for a while, the one before that is not.
          headers: async () => {
            state.alsoValid = `Bearer ${issued}`
            state.valid = `Bearer ${++issued}`
            return { headers: { authorization: state.valid }, expiresInMs: 250 }
          },
        },
        { endpoint: url },
      )
      let emitted = 0
      while (issued <= 10) {
        emitSpans(telemetry, 500)
        emitted += 500
        await backend.waitForSpans(emitted - 400)
      }
      assert((await telemetry.flush()).complete)
      const { ledger } = exporter(telemetry)
      assert.deepEqual([ledger.delivered, ledger.dropped, ledger.ambiguous], [emitted * 2, {}, 0])
      assert.deepEqual([backend.spanCount, state.refused], [emitted, 0])
      assert.ok(state.seen.size >= 10, `${state.seen.size} tokens were used`)
    })

    it('are not to be had with the client of the package', async () => {
      await assert.rejects(run({ headers: () => ({}) }, { client: 'package' }), /client: must be native/)
    })
  })

  describe('from a file', () => {
    const folder = (): string => {
      const made = mkdtempSync(join(tmpdir(), 'headers-'))
      closing.push(() => rmSync(made, { recursive: true }))
      return made
    }

    /** Lays a file out as Kubernetes does: links to a folder that is exchanged as a whole. */
    const mounted = (root: string) => {
      let version = 0
      return (text: string): string => {
        const data = join(root, `..${++version}`)
        mkdirSync(data)
        writeFileSync(join(data, 'headers'), text)
        symlinkSync(data, join(root, '..next'))
        renameSync(join(root, '..next'), join(root, '..data'))
        if (version === 1) symlinkSync(join('..data', 'headers'), join(root, 'headers'))
        return join(root, 'headers')
      }
    }

    for (const [what, write] of [
      ['lines', (token: string) => `# rotated\nauthorization = Bearer ${token}\n`],
      ['quoted lines', (token: string) => `authorization: "Bearer ${token}"`],
      ['JSON', (token: string) => JSON.stringify({ authorization: `Bearer ${token}` })],
    ] as const)
      it(`of ${what} are read again after a 401, when the file was exchanged`, async () => {
        const { url, state, backend } = await guarded(`Bearer ${mark}-1`)
        const mount = mounted(folder())
        const telemetry = await run({}, { endpoint: url, headers_file: mount(write(`${mark}-1`)) })
        emitSpans(telemetry)
        assert((await telemetry.flush()).complete)
        mount(write(`${mark}-2`))
        state.valid = `Bearer ${mark}-2`
        emitSpans(telemetry)
        assert((await telemetry.flush()).complete)
        assert.deepEqual([state.refused, backend.spanCount], [1, 2])
        assert.deepEqual(exporter(telemetry).ledger.dropped, {})
        assert(!views(telemetry).includes(mark))
      })

    it('refuse a change to a file that cannot be read or is invalid', async () => {
      const { url } = await guarded('any')
      const telemetry = await run({}, { endpoint: url })
      const path = join(folder(), 'headers')
      const put = () => telemetry.config.put('otel.headers_file', path)
      await assert.rejects(put(), /headers_file cannot be read \(ENOENT\)/)
      for (const text of ['', '{', '{"a": 1}', 'host = example.com', mark]) {
        writeFileSync(path, text)
        await assert.rejects(put(), /headers_file (is|must)/)
      }
    })

    it('never go to a destination that an untrusted source named', async () => {
      const [own, foreign] = [await guarded('Bearer own'), await guarded('Bearer brought')]
      const path = mounted(folder())('authorization = Bearer own')
      const telemetry = await run({}, { endpoint: own.url, headers_file: path })
      const endpoint = { 'otel.endpoint': foreign.url }
      await assert.rejects(telemetry.config.putFrom('admin', endpoint), /headers_file is not used/)
      await telemetry.config.putFrom('admin', {
        ...endpoint,
        'otel.headers': { authorization: 'Bearer brought' },
      })
      emitSpans(telemetry)
      assert((await telemetry.flush()).complete)
      assert.deepEqual([...foreign.state.seen], ['Bearer brought'])
    })
  })
})
