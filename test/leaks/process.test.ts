// Guards that telemachine keeps its process alive only while a start, a change, a flush or a stop is awaited.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createBackend } from '../../src/testing/backend/backend.ts'
import { compileProgram } from '../support/programs.ts'

interface Ended {
  readonly code: number
  readonly output: string
}

/** Runs a module in a process of its own. */
async function run(script: string): Promise<Ended> {
  const program = await compileProgram(`
      import { createTelemetry, mock, otel } from './src/index.ts'
      const make = (type, keys, options) =>
        createTelemetry({ types: [type], config: { env: {}, init: { [type.type]: keys } }, ...options })
      const until = async (holds) => {
        while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
      }
      ${script}`)
  return new Promise((resolve) => {
    execFile(process.execPath, [program], { timeout: 240_000 }, (error, stdout, stderr) =>
      resolve({
        code: typeof error?.code === 'number' ? error.code : error ? -1 : 0,
        output: stdout + stderr,
      }),
    )
  })
}

describe('a process', () => {
  it('is not kept alive by an idle telemachine', async () => {
    const { code, output } = await run(`
      const telemetry = make(mock(), { flush_interval: 3600 }, { drainOnExit: false })
      await telemetry.start()
      process.on('exit', () => console.log(telemetry.status().system))
    `)
    assert.deepEqual([code, output], [0, 'running\n'])
  })

  it('ends by itself after stop, whose report it gets although the backend hangs', async () => {
    const backend = createBackend()
    await backend.listen()
    backend.fault({ type: 'hang' })
    try {
      const { code, output } = await run(`
        const telemetry = make(otel(), { endpoint: '${backend.url}', flush_interval: 0.01 }, { logger: { debug() {}, info() {}, warn() {}, error() {} } })
        await telemetry.start()
        telemetry.emit('a.start', {}, { correlation_id: 1 })
        telemetry.emit('a.success', {}, { correlation_id: 1 })
        await until(() => telemetry.status().exporters.otel.ledger.pending.in_flight > 0)
        const report = await telemetry.stop({ timeoutMs: 300 })
        console.log(report.exporters.otel.dropped.shutdown, report.exporters.otel.ambiguous)
      `)
      assert.deepEqual([code, output], [0, '2 2\n'])
    } finally {
      await backend.close()
    }
  })

  it('that simply ends is drained', async () => {
    const { code, output } = await run(`
      const type = mock()
      const telemetry = make(type, { flush_interval: 3600, event_patterns: ['my.*'] })
      await telemetry.start()
      telemetry.emit('my.event')
      process.on('exit', () => console.log(type.events.length, telemetry.status().system))
    `)
    assert.deepEqual([code, output], [0, '1 running\n'])
  })

  it('that goes on after it was drained still has its telemetry', async () => {
    const { code, output } = await run(`
      const type = mock()
      const telemetry = make(type, { flush_interval: 3600, event_patterns: ['my.*'] })
      await telemetry.start()
      telemetry.emit('my.first')
      process.once('beforeExit', () => setTimeout(() => telemetry.emit('my.second'), 50))
      process.on('exit', () => console.log(type.events.map(({ name }) => name).join()))
    `)
    assert.deepEqual([code, output], [0, 'my.first,my.second\n'])
  })

  it('that has nothing more to do waits 5 s for a backend that hangs, and no longer, with either client', async () => {
    const backend = createBackend()
    await backend.listen()
    backend.fault({ type: 'hang' })
    const endWith = (client: string): Promise<Ended> =>
      run(`
        const logger = { debug() {}, info() {}, warn: (_, message) => console.log(message), error() {} }
        const telemetry = make(otel(), { endpoint: '${backend.url}', client: '${client}', flush_interval: 0.01, timeout: 30 }, { logger })
        await telemetry.start()
        telemetry.emit('a.start', {}, { correlation_id: 1 })
        telemetry.emit('a.success', {}, { correlation_id: 1 })
        await until(() => telemetry.status().exporters.otel.ledger.pending.in_flight > 0)
        const from = performance.now()
        process.on('exit', () => console.log(performance.now() - from < 20_000))
      `)
    try {
      for (const { code, output } of await Promise.all([endWith('native'), endWith('package')]))
        assert.deepEqual([code, output], [0, 'the process ends before everything was delivered\ntrue\n'])
    } finally {
      await backend.close()
    }
  })

  it('lives while a start or a change is awaited', async () => {
    const { code, output } = await run(`
      const slow = { load: () => new Promise((resolve) => setTimeout(() => resolve({}), 300).unref()) }
      const type = mock({ open: ({ endpoint }) => endpoint === 'slow' ? new Promise((resolve) => setTimeout(resolve, 300).unref()) : undefined })
      const telemetry = createTelemetry({ types: [type], config: { env: {}, init: { mock: {} }, remote: [slow] } })
      await telemetry.start()
      await telemetry.config.put('mock.endpoint', 'slow')
      console.log(telemetry.status().system, telemetry.config.get('mock.endpoint'))
    `)
    assert.deepEqual([code, output], [0, 'running slow\n'])
  })

  it('that awaits a stop during a backoff gets its report', async () => {
    const { code, output } = await run(`
      const type = mock({ export: () => ({ type: 'retry', afterSeconds: 200, cause: new Error('busy') }) })
      const telemetry = make(type, { flush_interval: 0.01, event_patterns: ['my.*'] }, { drainOnExit: false, logger: { warn() {}, error() {}, info() {}, debug() {} } })
      await telemetry.start()
      telemetry.emit('my.event')
      await until(() => telemetry.status().exporters.mock.lastError !== null)
      const { complete, exporters } = await telemetry.stop()
      console.log(complete, exporters.mock.dropped.shutdown)
    `)
    assert.deepEqual([code, output], [0, 'false 1\n'])
  })

  it('that awaits a flush which nothing can end gets its report too', async () => {
    const { code, output } = await run(`
      const type = mock({ export: () => new Promise(() => {}) })
      const telemetry = make(type, { event_patterns: ['my.*'] }, { drainOnExit: false })
      await telemetry.start()
      telemetry.emit('my.event')
      const { complete } = await telemetry.flush({ timeoutMs: 200 })
      console.log(complete)
    `)
    assert.deepEqual([code, output], [0, 'false\n'])
  })
})
