/** The breaker of a running exporter does what its model says, by every way into each of its states. */
import assert from 'node:assert/strict'
import type { SnapshotFrom } from 'xstate'
import type { Outcome } from '../../src/exporters/outcome.ts'
import {
  breakerModel,
  breakerModelThreshold,
  breakerProjection,
  followModel,
} from '../../src/testing/index.ts'
import { startCrashable } from '../machines/crashable.ts'
import { assertExact } from '../support/ledger.ts'
import { type Call, createDriver, delivered, down, hang } from '../support/scripted-driver.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'

type Model = SnapshotFrom<typeof breakerModel>

const refused: Outcome = { type: 'refused', cause: 'no' }
const misdirected: Outcome = { type: 'misdirected', cause: 'who?' }

describe('the breaker of an exporter', () => {
  afterEach(endSimulated)

  const cases = followModel(
    breakerModel,
    async () => {
      const driver = createDriver()
      driver.reply = hang
      const rig = await startCrashable([driver.definition], {
        test: {
          event_patterns: ['app.*'],
          batch_size: 1,
          max_in_flight: 1,
          failure_threshold: breakerModelThreshold,
          reset_timeout: 20,
          timeout: 50,
          drain_timeout: 1,
        },
      })
      rig.emit(50)
      await rig.settle()
      let endpoints = 0

      const underWay = new Set<Call>()
      const inFlight = (): readonly Call[] => {
        for (const call of driver.calls.splice(0)) underWay.add(call)
        for (const call of underWay) if (call.signal.aborted) underWay.delete(call)
        return [...underWay]
      }
      const latest = (): Call => {
        const [call] = inFlight()
        assert.ok(call, 'an attempt is under way')
        return call
      }
      /** The next attempt comes after a backoff; where none is to come, no time passes. */
      const nextAttempt = async ({ context }: Model): Promise<void> => {
        await rig.settle()
        if (context.inFlight) await rig.clock.until(() => inFlight().length > 0, { stepMs: 250 })
      }
      const answer =
        (outcome: Outcome) =>
        async (after: Model): Promise<void> => {
          const call = latest()
          underWay.delete(call)
          call.answer(outcome)
          await nextAttempt(after)
        }
      const breaker = rig.telemetry.breaker('test')

      return {
        events: {
          succeeds: answer(delivered),
          'is refused': answer(refused),
          fails: answer(down),
          'is misdirected': answer(misdirected),
          'times out': async (after) => {
            const { deadline } = latest()
            await rig.clock.advance(deadline - rig.clock.now())
            await nextAttempt(after)
          },
          'reset_timeout passes': () => rig.pass(20),
          'is forced open': (after) => {
            breaker.forceOpen()
            return nextAttempt(after)
          },
          'is disabled': (after) => {
            breaker.disable()
            return nextAttempt(after)
          },
          'is reset': (after) => {
            breaker.reset()
            return nextAttempt(after)
          },
          'exporter restarts': async (after) => {
            await rig.telemetry.restart('test')
            await nextAttempt(after)
          },
          'exporter crashes': async (after) => {
            await rig.crash()
            await rig.clock.until(() => rig.state() === 'serving', { stepMs: 50 })
            await nextAttempt(after)
          },
          'endpoint changes': async (after) => {
            const old = inFlight()
            endpoints += 1
            await rig.telemetry.config.put('test.endpoint', `moved ${endpoints}`)
            // What becomes of the old client's attempts is no business of the new destination's breaker.
            for (const call of old) {
              underWay.delete(call)
              call.answer(down)
            }
            await nextAttempt(after)
          },
        },
        check({ value, context }) {
          assert.equal(rig.breaker(), value)
          if (value === 'closed')
            assert.equal(rig.telemetry.status().exporters.test?.failures, context.failures)
          assert.equal(inFlight().length, context.inFlight ? 1 : 0, 'attempts under way')
          assertExact(rig.ledger())
        },
      }
    },
    { project: breakerProjection },
  )
  for (const { name, run } of cases) it(name, run)
})
