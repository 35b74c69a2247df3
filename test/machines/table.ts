/**
 * A chart's transition table: from each state, each command has one outcome. A command that is not in a row changes
 * nothing and tells nobody anything.
 */
import assert from 'node:assert/strict'
import type { Stage } from './stage.ts'

/** The state afterwards, and what happened on the way, in order. */
type Outcome = readonly [state: string, ...log: string[]]

export interface Row {
  /** The commands that lead to it from the start. */
  readonly way: readonly string[]
  readonly on: Readonly<Record<string, Outcome>>
}

export interface Table<Staged extends Stage> {
  readonly start: () => Staged
  /** A state in words, as in the rows. */
  readonly show: (stage: Staged) => string
  readonly rows: Readonly<Record<string, Row>>
}

async function give(stage: Stage, name: string): Promise<boolean> {
  const command = stage.commands[name]
  assert.ok(command, `there is a command ${name}`)
  const given = await command()
  await Promise.resolve()
  return given
}

/** One test per state: every command there is, each given to a chart of its own. */
export function followTable<Staged extends Stage>({ start, show, rows }: Table<Staged>): void {
  const arrive = async (state: string, { way }: Row): Promise<Staged> => {
    const stage = start()
    for (const command of way) assert.ok(await give(stage, command), `${command} on the way to ${state}`)
    assert.equal(show(stage), state)
    stage.log.length = 0
    return stage
  }

  for (const [state, row] of Object.entries(rows))
    it(`is ${state}: ${Object.keys(row.on).length} transitions, and nothing else`, async () => {
      const probe = await arrive(state, row)
      const names = Object.keys(probe.commands)
      probe.actor.stop()
      for (const name of Object.keys(row.on)) assert.ok(names.includes(name), `there is a command ${name}`)
      for (const name of names) {
        const stage = await arrive(state, row)
        const given = await give(stage, name)
        const expected = row.on[name]
        if (given) assert.deepEqual([show(stage), ...stage.log], expected ?? [state], `${state}: ${name}`)
        else assert.equal(expected, undefined, `${state}: ${name} cannot be given`)
        stage.actor.stop()
      }
    })
}

/** `{ active: { client: 'serving', upkeep: 'waiting' } }` as `active.client.serving, active.upkeep.waiting`. */
export function leavesOf(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value === 'string') return [[...path, value].join('.')]
  return Object.entries(value as object).flatMap(([key, inner]) => leavesOf(inner, [...path, key]))
}
