/** A stop ends in time, loses what its model says, counts that, and leaves nothing behind, from every situation. */
import assert from 'node:assert/strict'
import type { StopReport } from '../../src/contract.ts'
import { followModel, shutdownBacklog, shutdownModel } from '../../src/testing/index.ts'
import { startCrashable } from '../machines/crashable.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { type Call, createDriver, delivered, down, hang } from '../support/scripted-driver.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'

const stopMs = 3000

describe('a stop', () => {
  afterEach(endSimulated)

  const cases = followModel(shutdownModel, async () => {
    const driver = createDriver()
    const rig = await startCrashable([driver.definition], {
      test: {
        ...{ event_patterns: ['app.*'], batch_size: 1, max_in_flight: 1, failure_threshold: 1 },
        ...{ timeout: 100, drain_timeout: 100, reset_timeout: 1000 },
      },
    })
    const reports: StopReport[] = []
    let deadline = Number.POSITIVE_INFINITY
    let hung: Call | undefined

    const fill = async (): Promise<void> => {
      rig.emit(shutdownBacklog)
      await rig.settle()
    }

    return {
      events: {
        'backend hangs': async () => {
          driver.reply = hang
          await fill()
          hung = driver.calls.at(-1)
          driver.reply = () => delivered
        },
        'backend is down': () => {
          driver.reply = () => down
          return fill()
        },
        'backend mends': () => {
          driver.reply = () => delivered
        },
        'breaker is forced open': () => {
          rig.telemetry.breaker('test').forceOpen()
          return fill()
        },
        'client cannot open': async () => {
          driver.opening = () => Promise.reject(new Error('no'))
          await rig.telemetry.restart('test')
          await fill()
        },
        'exporter crashes': async () => {
          await rig.crash()
          if (rig.telemetry.status().system === 'running' && rig.ledger().accepted === 0) await fill()
        },
        'exporter is disabled': async () => {
          await rig.telemetry.config.put('test.enabled', false)
        },
        'events come': async () => {
          const before = rig.ledger().accepted
          const running = rig.state() === 'serving'
          await fill()
          assert.equal(rig.ledger().accepted - before, running ? shutdownBacklog : 0)
        },
        stops: async () => {
          deadline = Math.min(deadline, rig.clock.now() + stopMs)
          void rig.telemetry.stop({ timeoutMs: stopMs }).then((report) => {
            reports.push(report)
            assert.ok(rig.clock.now() <= deadline + 200, 'it is not late')
          })
          await rig.settle()
        },
        'attempt is answered': () => {
          hung?.answer(delivered)
          return rig.settle()
        },
        'attempt fails': () => {
          hung?.answer(down)
          return rig.settle()
        },
        'deadline passes': () => rig.pass((stopMs + 200) / 1000),
        'endpoint changes': () =>
          assert.rejects(rig.telemetry.config.put('test.endpoint', 'elsewhere'), { code: 'STOPPED' }),
      },
      check({ value, context }) {
        const ledger = rig.ledger()
        assertExact(ledger)
        assert.equal(reports.length > 0, value === 'stopped', 'it is over')
        if (value !== 'stopped') return
        for (const report of reports) {
          assert.deepEqual(report.exporters.test, ledger)
          assert.equal(report.complete, context.lost === 0)
        }
        assert.equal(ledger.dropped.shutdown ?? 0, context.lost)
        assert.equal(totalPending(ledger), 0)
        assert.equal(driver.open.length, 0, 'clients open')
        assert.equal(rig.clock.timers, 0, 'timers left')
        assert.equal(rig.state(), 'stopped')
      },
    }
  })
  for (const { name, run } of cases) it(name, run)
})
