/** Walks a small pure model of what can be seen from outside, and the real thing beside it. */
import assert from 'node:assert/strict'
import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventFromLogic,
  getInitialSnapshot,
  getNextSnapshot,
  type SnapshotFrom,
} from 'xstate'
import { TestModel } from 'xstate/graph'
import { statesOf } from './coverage.ts'

const seen = (snapshot: unknown): AnyMachineSnapshot => snapshot as AnyMachineSnapshot

/** The real thing: it does what an event says, and can be compared with where the model is then. */
export interface World<Model extends AnyStateMachine> {
  /** `after` is where the model is once the event has happened. */
  readonly events: Readonly<
    Record<EventFromLogic<Model>['type'], (after: SnapshotFrom<Model>) => void | Promise<void>>
  >
  check(model: SnapshotFrom<Model>): void | Promise<void>
}

/**
 * One test per state of the model: every transition into it is taken once, each by a shortest path from the start.
 * @param project what tells the model's states apart; contexts may be richer.
 */
export function followModel<Model extends AnyStateMachine>(
  machine: Model,
  project: (snapshot: SnapshotFrom<Model>) => unknown,
  start: () => Promise<World<Model>>,
): void {
  type Snapshot = SnapshotFrom<Model>
  type Event = EventFromLogic<Model>
  const types = [...new Set(machine.events)].filter((type) => !type.startsWith('xstate.'))
  const model = new TestModel<Snapshot, Event, unknown>(machine as never, {
    events: () => types.map((type) => ({ type }) as Event),
    // Unlike `can`, with the transitions that change nothing: the real thing has to stay put as well.
    filterEvents: (snapshot, event) =>
      machine.getTransitionData(snapshot as never, event as never).length > 0,
    limit: 20_000,
    serializeState: (snapshot, event, previous) =>
      JSON.stringify([project(snapshot), event?.type, previous && project(previous)]),
  })
  const paths = model.getShortestPaths()
  const ends = new Map<string, typeof paths>()
  for (const path of paths) {
    const end = JSON.stringify(seen(path.state).value)
    ends.set(end, [...(ends.get(end) ?? []), path])
  }

  it('has a model whose every state and event is walked', () => {
    const steps = paths.flatMap((path) => path.steps)
    const entered = new Set(steps.flatMap(({ state }) => seen(state)._nodes.map(({ id }) => id)))
    assert.deepEqual(
      statesOf(machine).filter((id) => !entered.has(id)),
      [],
    )
    const taken = new Set<string>(steps.map(({ event }) => event.type))
    assert.deepEqual(
      types.filter((type) => !taken.has(type)),
      [],
    )
  })

  for (const [end, group] of ends)
    it(`agrees with its model on the ways to ${end.replaceAll('"', '')} (${group.length})`, async () => {
      for (const path of group) {
        const world = await start()
        const run = world.events as Record<string, (after: Snapshot) => void | Promise<void>>
        for (const type of types) assert.ok(run[type], `${type} has something to do`)
        // Paths share snapshots that project alike; what is compared is the model's own course.
        let model = getInitialSnapshot(machine as AnyStateMachine)
        const walked = path.test({
          events: Object.fromEntries(
            types.map((type) => [
              type,
              () => {
                model = getNextSnapshot(machine as AnyStateMachine, model, { type })
                return run[type]?.(model as Snapshot)
              },
            ]),
          ) as never,
          states: { '*': () => world.check(model as Snapshot) },
        })
        await walked.catch((error: Error) => {
          throw new Error(error.message, { cause: error })
        })
      }
    })
}
