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

/** The real system that a model describes: it does what an event says, and can be compared with the model. */
export interface World<Model extends AnyStateMachine> {
  /** Executes each event of the model on the real system. `after` is the model's snapshot after the event. */
  readonly events: Readonly<
    Record<EventFromLogic<Model>['type'], (after: SnapshotFrom<Model>) => void | Promise<void>>
  >
  /** Compares the real system with the model; throws where they differ. Runs at the start and after each event. */
  check(model: SnapshotFrom<Model>): void | Promise<void>
  /** Releases what the real system holds. Runs once at the end of each path, whether it passed or failed. */
  end?(): void | Promise<void>
}

/** One test; `run` rejects where the real system and its model differ. */
export interface ModelCase {
  readonly name: string
  run(): Promise<void>
}

/** The options of {@link followModel}. */
export interface FollowOptions<Model extends AnyStateMachine> {
  /**
   * Returns a JSON value that identifies a state of the model. Leave out what grows without bound, such
   * as a list of results. Default: the state value and the whole context.
   */
  readonly project?: (snapshot: SnapshotFrom<Model>) => unknown
  /** How many transitions of the model are looked at before it counts as endless. Default: 20,000. */
  readonly limit?: number
}

const seen = (snapshot: unknown): AnyMachineSnapshot => snapshot as AnyMachineSnapshot

function projectAll(snapshot: unknown): unknown {
  const { value, context } = seen(snapshot)
  return [value, context]
}

/**
 * Makes tests that lead a real system along a model of it: every transition of the model is taken once, by a shortest
 * path from the start, and the real system is compared with the model after each step. There is one case for each
 * state that paths end in, and a first one that fails if a state or an event of the model is never reached. It knows no
 * test framework.
 *
 * @param machine The model: a small machine without effects, delays or invoked actors. Its events have no payload.
 * @param start Starts the real system in the initial state of the model; called once for each path.
 * @throws Error `Traversal limit exceeded` if the projected states are endless: give `project`.
 *
 * @example
 * for (const { name, run } of followModel(lifecycleModel, lifecycleWorld(loki()))) it(name, run)
 */
export function followModel<Model extends AnyStateMachine>(
  machine: Model,
  start: () => World<Model> | Promise<World<Model>>,
  { project = projectAll, limit = 20_000 }: FollowOptions<Model> = {},
): readonly ModelCase[] {
  type Snapshot = SnapshotFrom<Model>
  type Event = EventFromLogic<Model>
  const types = [...new Set(machine.events)].filter((type) => !type.startsWith('xstate.'))
  const model = new TestModel<Snapshot, Event, unknown>(machine as never, {
    events: () => types.map((type) => ({ type }) as Event),
    // Unlike `can`, with the transitions that change nothing: the real system has to stay put as well.
    filterEvents: (snapshot, event) =>
      machine.getTransitionData(snapshot as never, event as never).length > 0,
    limit,
    serializeState: (snapshot, event, previous) =>
      JSON.stringify([project(snapshot), event?.type, previous && project(previous)]),
  })
  const paths = model.getShortestPaths()
  const ends = new Map<string, typeof paths>()
  for (const path of paths) {
    const end = JSON.stringify(seen(path.state).value)
    ends.set(end, [...(ends.get(end) ?? []), path])
  }

  const follow = async (path: (typeof paths)[number]): Promise<void> => {
    const world = await start()
    try {
      const run = world.events as Record<string, (after: Snapshot) => void | Promise<void>>
      for (const type of types) assert.ok(run[type], `the world has no event "${type}" of the model`)
      // Paths share snapshots with equal projections; the model's own course is compared.
      let current = getInitialSnapshot(machine as AnyStateMachine)
      const step = (type: string) => () => {
        current = getNextSnapshot(machine as AnyStateMachine, current, { type })
        return run[type]?.(current as Snapshot)
      }
      await path
        .test({
          events: Object.fromEntries(types.map((type) => [type, step(type)])) as never,
          states: { '*': () => world.check(current as Snapshot) },
        })
        .catch((error: Error) => {
          throw new Error(error.message, { cause: error })
        })
    } finally {
      await world.end?.()
    }
  }

  const whole: ModelCase = {
    name: 'has a model whose every state and event is walked',
    async run() {
      const steps = paths.flatMap((path) => path.steps)
      const entered = new Set(steps.flatMap(({ state }) => seen(state)._nodes.map(({ id }) => id)))
      assert.deepEqual(
        statesOf(machine).filter((id) => !entered.has(id)),
        [],
        'states that no path enters',
      )
      const taken = new Set<string>(steps.map(({ event }) => event.type))
      assert.deepEqual(
        types.filter((type) => !taken.has(type)),
        [],
        'events that no path contains',
      )
    },
  }
  return [
    whole,
    ...[...ends].map(([end, group]) => ({
      name: `agrees with its model on the ways to ${end.replaceAll('"', '')} (${group.length})`,
      async run() {
        for (const path of group) await follow(path)
      },
    })),
  ]
}
