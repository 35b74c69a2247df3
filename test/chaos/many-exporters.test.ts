/** Hundreds of exporters in one system, in a night a thousand: each starts, changes, delivers and stops, and the cost grows with their number only. */
import assert from 'node:assert/strict'
import { createTelemetry, mock, type Telemetry } from '../../src/index.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'
const many = nightly ? 1_000 : 200
/** Far beyond what it takes, far below what anything quadratic would. */
const boundMs = 20_000
/** Exporters that are begun, or told to stop, in one turn. */
const perTurn = 16

describe(`${many} exporters in one system`, function () {
  this.timeout(300_000)
  const recorder = mock()
  const figures: string[] = []
  let telemetry: Telemetry

  const ids = Array.from({ length: many }, (_, i) => `m${i}`)
  const measured = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    const from = performance.now()
    await work()
    const took = performance.now() - from
    figures.push(`${what} ${took.toFixed(0)} ms`)
    assert.ok(took < boundMs, `${what} took ${took} ms`)
  }
  /** The most clients that opened or closed in one turn of the event loop. */
  const mostAtOnce = async (work: () => Promise<unknown>): Promise<number> => {
    let most = 0
    let before = recorder.openClients
    let over = false
    const look = (): void => {
      most = Math.max(most, Math.abs(recorder.openClients - before))
      before = recorder.openClients
      if (!over) setImmediate(look)
    }
    look()
    await work()
    look()
    over = true
    return most
  }
  const ledgers = () =>
    Object.entries(telemetry.status().exporters).map(([id, { ledger }]) => ({ id, ledger }))

  before(() => {
    telemetry = createTelemetry({
      types: [recorder],
      logger: quietLogger,
      drainOnExit: false,
      config: {
        env: {},
        init: Object.fromEntries(
          ids.map((id) => [
            id,
            { type: 'mock', event_patterns: [`to.${id}`, 'to.all'], flush_interval: 0.01 },
          ]),
        ),
      },
    })
  })
  after(async () => {
    await telemetry.stop()
    if (nightly) console.log(`      ${figures.join(', ')}`)
  })

  it('starts, with turns of the event loop for others in between', async () => {
    const most = await mostAtOnce(() => measured('start', () => telemetry.start()))
    assert.ok(most > 0 && most <= 2 * perTurn, `${most} clients opened in one turn`)
    const { exporters } = telemetry.status()
    assert.equal(Object.values(exporters).filter(({ state }) => state === 'serving').length, many)
  })

  it('delivers to each what is for it, and to all what is for all', async () => {
    await measured('one event each, and one for all, with a flush', async () => {
      for (const id of ids) telemetry.emit(`to.${id}`)
      telemetry.emit('to.all')
      const { complete } = await telemetry.flush({ timeoutMs: boundMs })
      assert.equal(complete, true)
    })
    for (const { id, ledger } of ledgers()) {
      assertExact(ledger, id)
      assert.equal(ledger.delivered, 2, id)
    }
  })

  it('changes one, and all of them in one transaction', async () => {
    await measured('a change of one', () => telemetry.config.put('m100.endpoint', 'mock://other'))
    await measured('a hot change of all', () =>
      telemetry.config.put(Object.fromEntries(ids.map((id) => [`${id}.batch_size`, 7]))),
    )
    await measured('another destination for all', () =>
      telemetry.config.put(Object.fromEntries(ids.map((id) => [`${id}.endpoint`, 'mock://third']))),
    )
    assert.equal(telemetry.config.get('m199.endpoint'), 'mock://third')
    while (recorder.openClients > many) await new Promise((resolve) => setImmediate(resolve))
  })

  it('shows all of them', async () => {
    await measured('a status', async () => JSON.stringify(telemetry.status()))
    await measured('a snapshot', async () => JSON.stringify(telemetry.snapshot()))
  })

  it('disables, enables and removes them', async () => {
    const all = (key: string, value: unknown) =>
      telemetry.config.put(Object.fromEntries(ids.map((id) => [`${id}.${key}`, value])))
    await measured('disabling all', () => all('enabled', false))
    assert.equal(recorder.openClients, 0)
    await measured('enabling all', () => all('enabled', true))
    assert.equal(recorder.openClients, many)
  })

  it('stops, with everything delivered, and with turns of the event loop for others in between', async () => {
    telemetry.emit('to.all')
    const stop = () =>
      measured('stop', async () => {
        const { complete, exporters } = await telemetry.stop({ timeoutMs: boundMs })
        assert.equal(complete, true)
        assert.equal(Object.keys(exporters).length, many)
        for (const ledger of Object.values(exporters)) assert.equal(totalPending(ledger), 0)
      })
    const most = await mostAtOnce(stop)
    assert.ok(most > 0 && most <= 2 * perTurn, `${most} clients closed in one turn`)
    assert.equal(recorder.openClients, 0)
  })
})
