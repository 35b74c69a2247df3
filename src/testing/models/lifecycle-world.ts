import assert from 'node:assert/strict'
import type { Observer, SnapshotFrom } from 'xstate'
import type { TelemetryOptions } from '../../contract.ts'
import { TelemetryError } from '../../errors.ts'
import type { AnyExporterDefinition } from '../../exporters/exporter.ts'
import { assembleTelemetry } from '../../telemetry.ts'
import type { ConformanceEvent, ConformanceTable } from '../conformance/contract.ts'
import type { World } from '../follow-model.ts'
import { mortalSystem } from '../mortal.ts'
import { createSimulatedClock } from '../simulated.ts'
import { gateExporter } from './gated-exporter.ts'
import type { lifecycleModel } from './lifecycle.ts'

/** The options of {@link lifecycleWorld}. */
export interface LifecycleWorldOptions {
  /**
   * The exporter's table without `type`, such that it reaches a working backend. A function is called for each path.
   */
  readonly config?: ConformanceTable | (() => ConformanceTable)
  /**
   * Events that a healthy exporter delivers in one batch, for example a span's start and end. Default: one
   * `model.event`.
   */
  readonly events?: readonly ConformanceEvent[]
  /** Sees the charts at work, such as `createCoverage().inspect`. */
  readonly inspect?: TelemetryOptions['inspect'] | Observer<never>['next']
}

type Model = SnapshotFrom<typeof lifecycleModel>

const id = 'subject'
const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const shownAs: Readonly<Record<string, string>> = {
  ...{ enabling: 'opening', reviving: 'opening', replaced: 'serving' },
  ...{ stopping: 'draining', stopping_both: 'draining' },
}

const clientsOpen: Readonly<Record<string, number>> = {
  ...{ serving: 1, draining: 1, reviving: 1, stopping: 1 },
  ...{ replaced: 2, stopping_both: 2 },
}

/** The most simulated time that the end of a path may take, in milliseconds. */
const stopMs = 4_000

/**
 * Makes the `start` of `followModel(lifecycleModel, …)` for an exporter type of your own: each path gets a telemetry
 * system on simulated time with one exporter of that type. The test decides when an opening or an attempt goes through
 * and when the exporter crashes; what goes through is done by your definition, against the backend that `config` names.
 * The backend has to answer: the real answer to an attempt must be `delivered`.
 *
 * @throws TelemetryError `TESTING_UNSUPPORTED` for a pull exporter, which makes no attempts.
 */
export function lifecycleWorld(
  definition: AnyExporterDefinition,
  { config = {}, events = [{ name: 'model.event' }], inspect }: LifecycleWorldOptions = {},
): () => Promise<World<typeof lifecycleModel>> {
  if (!definition.export)
    throw new TelemetryError(
      'TESTING_UNSUPPORTED',
      `lifecycleWorld follows exporters that make attempts to export; "${definition.type}" has no export function (see exporterConformance)`,
    )

  return async () => {
    const clock = createSimulatedClock()
    const gated = gateExporter(definition)
    const { machine, crash } = mortalSystem()
    const table = typeof config === 'function' ? config() : config
    const telemetry = assembleTelemetry(
      {
        types: [gated.definition],
        config: {
          env: {},
          init: {
            [id]: {
              type: definition.type,
              event_patterns: events.map(({ name }) => name),
              ...{ drain_timeout: stopMs / 1000, timeout: 100, open_timeout: 100, ...table },
            },
          },
        },
        ...{ clock, logger, drainOnExit: false, inspect: inspect as TelemetryOptions['inspect'] },
      },
      machine,
    )
    let stopped = false

    const status = () => {
      const found = telemetry.status().exporters[id]
      assert.ok(found, 'the exporter is there')
      return found
    }
    /** Lets everything happen that takes no time. */
    const settle = async (): Promise<void> => {
      await clock.settle()
      while (gated.busy > 0) {
        await clock.until(() => gated.busy === 0)
        await clock.settle()
      }
    }
    const pass = async (ms: number): Promise<void> => {
      await clock.advance(ms)
      await settle()
    }
    const put = (enabled: boolean): void => {
      telemetry.config.put(`${id}.enabled`, enabled).catch(() => {})
    }
    const stop = (): void => {
      void telemetry.stop({ timeoutMs: stopMs }).then(() => {
        stopped = true
      })
    }
    const die = (): Promise<void> => {
      crash(id, 'the model lets the exporter crash')
      return settle()
    }

    await telemetry.start()
    await settle()
    gated.close()

    return {
      events: {
        'client opens': () => {
          gated.letOpen()
          return settle()
        },
        'client cannot open': () => {
          gated.failOpen(new Error('the model lets the opening fail'))
          return settle()
        },
        'time passes': () => pass(stopMs + 500),
        'attempt hangs': async () => {
          gated.holdNext()
          for (const { name, measurements, metadata } of events)
            telemetry.emit(name, measurements as Record<string, number>, metadata as Record<string, unknown>)
          await clock.until(() => gated.holds, { stepMs: 100 })
        },
        'attempt is answered': async () => {
          const outcome = await gated.letExport().catch((error) => ({ type: `an error: ${String(error)}` }))
          assert.equal(outcome?.type, 'delivered', 'the answer of the backend')
          await settle()
        },
        'is disabled': async () => {
          put(false)
          // A change waits a second for a drain; then it is settled all the same.
          await pass(1_100)
        },
        'is enabled': () => {
          put(true)
          return settle()
        },
        'is restarted': () => {
          void telemetry.restart(id)
          return settle()
        },
        crashes: die,
        'crashes too often': async () => {
          for (let crashes = 0; status().state !== 'failed'; crashes += 1) {
            assert.ok(crashes <= 5, 'the sixth crash within a minute is the last')
            await die()
            if (status().state === 'restarting')
              await clock.until(() => status().state !== 'restarting', { stepMs: 100 })
          }
        },
        stops: () => {
          stop()
          return settle()
        },
      },
      check({ value, context }: Model) {
        const state = String(value)
        assert.equal(status().state, shownAs[state] ?? state, 'the state of the exporter')
        assert.equal(telemetry.config.get(`${id}.enabled`), context.enabled, 'enabled, as configured')
        assert.equal(gated.clients, clientsOpen[state] ?? 0, 'clients open')
        assert.equal(stopped, state === 'stopped', 'the stop has ended')
        const { accepted, delivered, dropped, pending } = status().ledger
        const sum = (counts: object): number => Object.values(counts).reduce((a, b) => a + b, 0)
        assert.equal(delivered + sum(dropped) + sum(pending), accepted, 'the ledger adds up')
        assert.equal(pending.in_flight > 0, context.hanging, 'an attempt is in flight')
        if (state === 'stopped') assert.equal(clock.timers, 0, 'timers that are left after the stop')
      },
      async end() {
        gated.open()
        if (!stopped) stop()
        await clock.until(() => stopped, { stepMs: 100 })
      },
    }
  }
}
