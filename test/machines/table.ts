/**
 * A chart's transition table: from each state, each command has one outcome. A command that is not in a row changes
 * nothing and tells nobody anything.
 */
import assert from 'node:assert/strict'
import type { AnyStateMachine } from 'xstate'
import { assertCovered } from '../../src/testing/index.ts'
import { arrive, coverage, give, type StagedChart } from './stage.ts'

/** By command: the state afterwards, and what happened on the way, in order. */
export type Row = Readonly<Record<string, readonly [state: string, ...log: string[]]>>

/** One test per state: every command there is, each given to a chart of its own. */
export function followTable(chart: StagedChart, rows: Readonly<Record<string, Row>>): void {
  it('has a row for each state', () => {
    assert.deepEqual(Object.keys(rows).sort(), Object.keys(chart.ways).sort())
  })

  for (const [state, row] of Object.entries(rows))
    it(`is ${state}: ${Object.keys(row).length} transitions, and nothing else`, async () => {
      const names = Object.keys(chart.start().commands)
      for (const name of Object.keys(row)) assert.ok(names.includes(name), `there is a command ${name}`)
      for (const name of names) {
        const stage = await arrive(chart, state)
        assert.equal(stage.show(), state)
        stage.log.length = 0
        const expected = row[name]
        if (await give(stage, name))
          assert.deepEqual([stage.show(), ...stage.log], expected ?? [state], `${state}: ${name}`)
        else assert.equal(expected, undefined, `${state}: ${name} cannot be given`)
        stage.actor.stop()
      }
    })
}

/** The last test of a chart's file: the tests before it have covered the chart. What they cannot reach is dead code. */
export function coversChart(machine: AnyStateMachine): void {
  it(`enters every state and takes every transition of the ${machine.id} chart`, () =>
    assertCovered(coverage, machine))
}

/** `{ active: { client: 'serving', upkeep: 'waiting' } }` as `active.client.serving, active.upkeep.waiting`. */
export function leavesOf(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value === 'string') return [[...path, value].join('.')]
  return Object.entries(value as object).flatMap(([key, inner]) => leavesOf(inner, [...path, key]))
}
