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
  failoverPreset,
  followPath,
  type PresetOptions,
  spoolPreset,
  statesOf,
  systemPreset,
  transitionsOf,
} from '../../src/testing/index.ts'

type AnyPreset = ChartPreset<AnyStateMachine>
/** Only paths that stop the system at once: how many exporters it tells in a turn concerns the stop alone. */
const stopping = ({
  machine,
  options,
}: ReturnType<typeof systemPreset>): ReturnType<typeof systemPreset> => ({
  machine,
  options: {
    ...options,
    events: (snapshot) =>
      options.events(snapshot).filter(({ type }) => !snapshot.matches('running') || type === 'system.stop'),
  },
})
const presetsOf = (options: PresetOptions): Readonly<Record<string, readonly AnyPreset[]>> =>
  ({
    breaker: [breakerPreset(options), breakerPreset({ ...options, bypassed: true })],
    delivery: [deliveryPreset(options)],
    exporter: [
      exporterPreset(options),
      exporterPreset({ ...options, hasCrashed: true }),
      exporterPreset({ ...options, pulled: true }),
    ],
    failover: [failoverPreset(options)],
    spool: [spoolPreset(options)],
    system: [systemPreset(options), stopping(systemPreset({ ...options, perTurn: 1 }))],
  }) as never

/** Of very many paths, one per pair of states and event between them: the others differ in their data alone. */
function distinct<Path extends ReturnType<typeof getShortestPaths>[number]>(
  paths: readonly Path[],
): readonly Path[] {
  if (paths.length < 1_000) return paths
  const kept = new Map<string, Path>()
  for (const path of paths) {
    const [before, last] = path.steps.slice(-2)
    const name = JSON.stringify([seen(before?.state).value, last?.event, seen(path.state).value])
    if (!kept.has(name)) kept.set(name, path)
  }
  return [...kept.values()]
}
const seen = (state: unknown): { value?: unknown } => (state ?? {}) as { value?: unknown }

describe('the presets of the charts', () => {
  for (const [name, presets] of Object.entries(presetsOf({})))
    it(`give paths to each state of the ${name} chart, which a running actor follows`, () => {
      for (const preset of presets) {
        const paths = getShortestPaths(preset.machine, preset.options)
        assert.ok(paths.length > 5)
        assert.equal(
          new Set(paths.map(({ state }) => preset.options.serializeState(state, undefined))).size,
          paths.length,
        )
        for (const path of paths) followPath(preset, path)
      }
    })

  for (const [name, presets] of Object.entries(presetsOf({ pathPer: 'transition' })))
    it(`give paths that take every transition of the ${name} chart`, () => {
      const coverage = createCoverage()
      for (const preset of presets)
        for (const path of distinct(getShortestPaths(preset.machine, preset.options)))
          followPath(preset, path, { inspect: coverage.inspect })
      assertCovered(coverage, presets[0]!.machine)
    })
})

describe('following a path', () => {
  const preset = breakerPreset()
  const toOpen = getShortestPaths(preset.machine, preset.options).find(({ state }) => state.value === 'open')!

  it('fails where the actor is in another state than the path', () => {
    const machine = preset.machine.provide({ guards: { trips: () => false, isMisdirected: () => false } })
    assert.throws(() => followPath({ ...preset, machine }, toOpen), /after xstate\.init, .*export\.reported/)
  })

  it('lets a test look at the actor after each step', () => {
    const values: unknown[] = []
    followPath(preset, toOpen, { check: ({ value }) => void values.push(value) })
    assert.deepEqual([values[0], values.at(-1)], ['closed', 'open'])
  })
})

describe('the coverage of a chart', () => {
  const preset = breakerPreset({ bypassed: true })
  const { machine } = preset

  it('lists the states and transitions that are missing', () => {
    const coverage = createCoverage()
    followPath(preset, getShortestPaths(machine, preset.options)[0]!, { inspect: coverage.inspect })
    assert.throws(
      () => assertCovered(coverage, machine),
      (error: Error) => {
        assert.match(error.message, /the machine "breaker" is not covered/)
        assert.match(error.message, /breaker\.half_open\.probing: export\.reported #0 \[isMisdirected\]/)
        return true
      },
    )
  })

  it('allows exceptions, as long as they are exceptions', () => {
    const nothing = { states: new Set<string>(), transitions: new Set<string>() }
    const all = [...statesOf(machine), ...transitionsOf(machine)]
    assertCovered(nothing, machine, { except: all })
    assert.throws(
      () => assertCovered(nothing, machine, { except: [...all, 'breaker.gone'] }),
      /breaker\.gone/,
    )
    const one = { ...nothing, states: new Set(['breaker.open']) }
    assert.throws(() => assertCovered(one, machine, { except: all }), /breaker\.open/)
  })
})
