/**
 * A chart is what its pure transitions say: whatever a running actor has heard, `transition()` leads to the same states
 * and the same data, step by step, without asking the unit and without any effect in between.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createRecording } from './replay.ts'
import { arrive, give, type StagedChart } from './stage.ts'
import { breakerChart } from './stages/breaker.ts'
import { deliveryChart } from './stages/delivery.ts'
import { crashedExporterChart, exporterChart } from './stages/exporter.ts'
import { failoverChart } from './stages/failover.ts'
import { spoolChart } from './stages/spool.ts'
import { slowlyStoppingSystem, systemChart } from './stages/system.ts'

const charts: Readonly<Record<string, StagedChart>> = {
  breaker: breakerChart,
  delivery: deliveryChart,
  exporter: exporterChart,
  'exporter after a crash': crashedExporterChart,
  failover: failoverChart,
  spool: spoolChart,
  system: systemChart,
  'system that stops slowly': slowlyStoppingSystem,
}

describe('pure transitions and a running actor agree', () => {
  for (const [name, chart] of Object.entries(charts)) {
    const commands = Object.keys(chart.start().commands)

    /** Goes to a state and on from there; returns how many steps were compared. */
    const walk = async (state: string, path: readonly string[]): Promise<number> => {
      const recording = createRecording()
      const stage = await arrive(chart, state, recording.inspect)
      for (const command of path) await give(stage, command)
      const compared = recording.compare(stage.actor)
      stage.actor.stop()
      return compared
    }

    it(`on every transition of the ${name} chart, from each of its states`, async () => {
      for (const state of Object.keys(chart.ways)) {
        let compared = 0
        for (const command of commands) compared += await walk(state, [command])
        assert.ok(compared >= commands.length)
      }
    })

    it(`on any path through the ${name} chart`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...Object.keys(chart.ways)),
          fc.array(fc.constantFrom(...commands), { maxLength: 40 }),
          async (state, path) => void (await walk(state, path)),
        ),
        { numRuns: process.env.TELEMACHINE_NIGHTLY === '1' ? 300 : 20 },
      )
    })
  }
})
