/** With a preset, shortest paths through each bare chart lead through all of it, and a running actor follows them. */
import assert from 'node:assert/strict'
import type { AnyStateMachine } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import {
  assertCovered,
  breakerPreset,
  type ChartPreset,
  createCoverage,
  deliveryPreset,
  exporterPreset,
  followPath,
  type PresetOptions,
  systemPreset,
} from '../../src/testing/index.ts'

type AnyPreset = ChartPreset<AnyStateMachine>
const presetsOf = (options: PresetOptions): Readonly<Record<string, readonly AnyPreset[]>> =>
  ({
    breaker: [breakerPreset(options), breakerPreset({ ...options, bypassed: true })],
    delivery: [deliveryPreset(options)],
    exporter: [exporterPreset(options), exporterPreset({ ...options, hasCrashed: true })],
    system: [systemPreset(options)],
  }) as never

describe('the presets of the charts', () => {
  for (const [name, presets] of Object.entries(presetsOf({})))
    it(`give paths to each state of the ${name} chart`, () => {
      for (const preset of presets) {
        const t = performance.now()
        const paths = getShortestPaths(preset.machine, preset.options)
        console.log(name, paths.length, performance.now() - t)
        assert.ok(paths.length > 5)
        for (const path of paths) followPath(preset, path)
        console.log(performance.now() - t)
      }
    })

  for (const [name, presets] of Object.entries(presetsOf({ pathPer: 'transition' })))
    it(`give paths that cover the ${name} chart, which a running actor follows`, () => {
      const { machine } = presets[0]!
      const coverage = createCoverage()
      for (const preset of presets) {
        const t = performance.now()
        const paths = getShortestPaths(preset.machine, preset.options)
        console.log(name, paths.length, performance.now() - t)
        for (const path of paths) followPath(preset, path, { inspect: coverage.inspect })
        console.log(performance.now() - t)
      }
      assertCovered(coverage, machine)
    })
})
