// What the log says without being asked: what an operator wants to read afterwards, and what a newcomer has overlooked.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { createTelemetry, prometheus } from '../../src/index.ts'
import { createSimulatedClock } from '../../src/testing/index.ts'
import { compileProgram } from '../support/programs.ts'
import { createDriver, down } from '../support/scripted-driver.ts'

type Level = 'debug' | 'info' | 'warn' | 'error'

function listening(config: Record<string, unknown>, types = [createDriver().definition]) {
  const lines: { level: Level; details: Record<string, unknown>; message: string }[] = []
  const at =
    (level: Level) =>
    (details: object, message = ''): void =>
      void lines.push({ level, details: details as Record<string, unknown>, message })
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  const clock = createSimulatedClock()
  const telemetry = createTelemetry({ types, config, clock, logger, drainOnExit: false })
  const said = (text: RegExp) => lines.filter(({ message }) => text.test(message))
  const stop = async (): Promise<void> => {
    let over = false
    const stopping = telemetry.stop({ timeoutMs: 100 }).finally(() => {
      over = true
    })
    await clock.until(() => over, { stepMs: 50 })
    await stopping
  }
  return { telemetry, clock, lines, said, stop }
}

const mine = { test: { event_patterns: ['app.*'], queue_size: 2, flush_interval: 0.1 } }

describe('the log', () => {
  it('has a line for each change that was applied, without its values', async () => {
    const { telemetry, said, stop } = listening({ init: mine, env: {} })
    await telemetry.start()
    await telemetry.config.put('test.endpoint', 'http://secret.example')
    const [line] = said(/configuration changed/)
    assert.equal(line?.level, 'info')
    assert.deepEqual(line?.details.keys, ['telemetry.test.endpoint'])
    assert.doesNotMatch(JSON.stringify(line), /secret/)
    await stop()
  })

  it('has a line for each transition of an exporter and of a breaker, with what went wrong', async () => {
    const driver = createDriver()
    const { telemetry, clock, said, stop } = listening({ init: mine, env: {} }, [driver.definition])
    await telemetry.start()
    await clock.settle()
    assert.ok(said(/exporter is serving/).every(({ level }) => level === 'info'))
    assert.equal(said(/exporter is serving/).length, 1)
    driver.reply = () => down
    telemetry.emit('app.one')
    await clock.until(() => telemetry.status().exporters.test?.breaker === 'open', { stepMs: 100 })
    const [opened] = said(/breaker is open/)
    assert.equal(opened?.level, 'warn')
    assert.deepEqual(opened?.details, { exporter: 'test', from: 'closed', to: 'open', error: 'down' })
    await stop()
  })

  it('has a line for a loss, by its reason, and the next one of that reason after a minute', async () => {
    const driver = createDriver()
    driver.reply = () => undefined
    const { telemetry, clock, said, stop } = listening({ init: mine, env: {} }, [driver.definition])
    await telemetry.start()
    await clock.settle()
    for (let round = 0; round < 50; round += 1) {
      for (let i = 0; i < 10; i += 1) telemetry.emit(`app.${i}`)
      await clock.advance(1_000)
    }
    const first = said(/events were dropped/)
    assert.equal(first.length, 1)
    assert.equal(first[0]?.details.reason, 'queue_full')
    await clock.advance(20_000)
    telemetry.emit('app.a')
    telemetry.emit('app.b')
    telemetry.emit('app.c')
    await clock.advance(2_000)
    const dropped = telemetry.status().exporters.test?.ledger.dropped.queue_full ?? 0
    const counted = said(/events were dropped/).map(({ details }) => Number(details.count))
    assert.equal(counted.length, 2)
    assert.equal(
      counted.reduce((sum, count) => sum + count, 0),
      dropped,
    )
    await stop()
  })

  it('says once that no exporter is configured, and names the variable that creates none', async () => {
    const nothing = listening({ env: {} })
    await nothing.telemetry.start()
    assert.equal(nothing.said(/no exporter is configured, so that nothing is exported/).length, 1)
    await nothing.stop()
    const variable = listening({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' } })
    await variable.telemetry.start()
    assert.equal(
      variable.said(/variables such as OTEL_EXPORTER_OTLP_ENDPOINT configure an exporter but create none/)
        .length,
      1,
    )
    await variable.stop()
    const ours = listening({
      env: { TELEMETRY_OTEL_ENDPOINT: 'http://localhost:4318/v1/traces', TELEMETRY_X: '1' },
    })
    await ours.telemetry.start()
    assert.equal(ours.said(/variables such as TELEMETRY_OTEL_ENDPOINT configure an exporter/).length, 1)
    await ours.stop()
  })

  it('keeps an event from before the start where the clock cannot set a timer for that hint', () => {
    const setTimeout = () => {
      throw new Error('no timers')
    }
    const clock = { now: () => 0, setTimeout, clearTimeout: () => {} }
    const telemetry = createTelemetry({ clock, config: { env: {} }, drainOnExit: false })
    telemetry.emit('app.early')
    assert.equal(telemetry.status().bus.buffered, 1)
  })

  it('says once that events wait for a start that does not come', async () => {
    const { telemetry, clock, said, stop } = listening({ init: mine, env: {} })
    for (let i = 0; i < 5; i += 1) telemetry.emit('app.one')
    await clock.advance(9_000)
    assert.equal(said(/telemetry\.start\(\)/).length, 0)
    await clock.advance(20_000)
    telemetry.emit('app.two')
    await clock.advance(20_000)
    assert.equal(said(/telemetry\.start\(\)/).length, 1)
    await stop()
  })

  it('says it at the end of a process that is too short for it', async () => {
    const lines = async (then: string): Promise<string[]> => {
      const script = `
        import { createTelemetry, mock } from './src/index.ts'
        const telemetry = createTelemetry({ types: [mock()], config: { env: {}, init: { mock: {} } } })
        ${then}`
      const program = await compileProgram(script)
      const { stderr } = await promisify(execFile)(process.execPath, [program], { timeout: 240_000 })
      return stderr.split('\n').filter(Boolean)
    }
    const [said, ...more] = await lines("telemetry.emit('a'); telemetry.emit('b')")
    assert.match(said ?? '', /events wait for telemetry\.start\(\).*await it once/)
    assert.deepEqual(more, [])
    assert.deepEqual(await lines("telemetry.emit('a'); await telemetry.start()"), [])
    assert.deepEqual(await lines("telemetry.emit('a'); await telemetry.stop()"), [])
    assert.deepEqual(await lines(''), [])
  })

  it('says once that a measurement is no number, and that a start has no correlation id', async () => {
    const page = listening({ init: { prometheus: { port: 0 } }, env: {} }, [prometheus()])
    await page.telemetry.start()
    for (let i = 0; i < 3; i += 1) page.telemetry.emit('app.one', { count: Number.NaN })
    await page.clock.advance(3_000)
    const [refused] = page.said(/a measurement must be a finite number/)
    assert.deepEqual(refused?.details, { exporter: 'prometheus', reason: 'refused', count: 3 })
    await page.stop()
    const spans = listening({ init: { otel: { endpoint: 'http://127.0.0.1:1/v1/traces' } }, env: {} })
    await spans.telemetry.start()
    for (let i = 0; i < 3; i += 1) spans.telemetry.emit('app.start')
    await spans.clock.advance(3_000)
    assert.equal(spans.said(/needs correlation_id or request_id/).length, 1)
    await spans.stop()
  })
})
