/** An exporter shows the states its model says, and keeps no client it should not have, by every way into each state. */
import assert from 'node:assert/strict'
import { assertExact, type Call, createDriver, delivered, endRigs } from '../delivery/harness.ts'
import { startCovered } from '../machines/rig.ts'
import { followModel } from '../support/paths.ts'
import { lifecycleModel } from './lifecycle.ts'

const shownAs: Readonly<Record<string, string>> = { enabling: 'opening', stopping: 'draining' }
const withClient: ReadonlySet<string> = new Set(['serving', 'draining', 'stopping'])

describe('the life of an exporter', () => {
  afterEach(endRigs)

  followModel(
    lifecycleModel,
    ({ value, context }) => [value, context],
    async () => {
      const driver = createDriver()
      const openings: { resolve(): void; reject(error: Error): void }[] = []
      const rig = await startCovered([driver.definition], {
        test: { event_patterns: ['app.*'], drain_timeout: 4, timeout: 100, open_timeout: 100 },
      })
      driver.opening = () =>
        new Promise((resolve, reject) => {
          openings.push({ resolve, reject })
        })
      let hung: Call | undefined
      let stopped = false

      const newest = () => {
        const opening = openings.pop()
        assert.ok(opening, 'a client is being opened')
        return opening
      }
      const put = (enabled: boolean): void => {
        rig.telemetry.config.put('test.enabled', enabled).catch(() => {})
      }

      return {
        events: {
          'client opens': () => {
            newest().resolve()
            return rig.settle()
          },
          'client cannot open': () => {
            newest().reject(new Error('no'))
            return rig.settle()
          },
          'time passes': () => rig.pass(4.5),
          'attempt hangs': async () => {
            driver.reply = (call) => {
              hung = call
              driver.reply = () => delivered
              return undefined
            }
            rig.emit(1)
            await rig.clock.until(() => hung !== undefined, { stepMs: 100 })
          },
          'attempt is answered': () => {
            hung?.answer(delivered)
            return rig.settle()
          },
          'is disabled': async () => {
            put(false)
            // A change waits a second for a drain, then it is settled all the same.
            await rig.pass(1.1)
          },
          'is enabled': () => {
            put(true)
            return rig.settle()
          },
          'is restarted': () => {
            void rig.telemetry.restart('test')
            return rig.settle()
          },
          crashes: () => rig.crash(),
          'crashes too often': async () => {
            for (let crashes = 0; rig.state() !== 'failed'; crashes += 1) {
              assert.ok(crashes <= 5, 'the sixth crash within a minute is the last')
              await rig.crash()
              if (rig.state() === 'restarting')
                await rig.clock.until(() => rig.state() !== 'restarting', { stepMs: 100 })
            }
          },
          stops: async () => {
            void rig.telemetry.stop({ timeoutMs: 4000 }).then(() => {
              stopped = true
            })
            await rig.settle()
          },
        },
        check({ value, context }) {
          const state = String(value)
          assert.equal(rig.state(), shownAs[state] ?? state)
          assert.equal(rig.telemetry.config.get('test.enabled'), context.enabled)
          assert.equal(driver.open.length, withClient.has(state) ? 1 : 0, 'clients open')
          assert.equal(stopped, state === 'stopped')
          const ledger = rig.ledger()
          assertExact(ledger)
          assert.equal(ledger.pending.in_flight, context.hanging ? 1 : 0)
          if (state === 'stopped') assert.equal(rig.clock.timers, 0, 'timers left')
        },
      }
    },
  )
})
