import assert from 'node:assert/strict'
import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type InspectionEvent,
  type SnapshotFrom,
} from 'xstate'
import type { ChartPreset } from './presets/preset.ts'
import { createSimulatedClock } from './simulated.ts'

/** A path as `getShortestPaths` returns it. */
export interface ChartPath {
  readonly steps: readonly { readonly state: unknown; readonly event: { readonly type: string } }[]
}

/** The options of {@link followPath}. */
export interface FollowPathOptions<Machine extends AnyStateMachine> {
  /** Sees the actor at work, such as `createCoverage().inspect`. */
  readonly inspect?: (event: InspectionEvent) => void
  /** Looks at the actor after each step. */
  readonly check?: (snapshot: SnapshotFrom<Machine>) => void
}

/**
 * Leads a running actor of a preset's machine along a path, on a clock that stands still: delays and the work of
 * invoked actors end where the path says so.
 *
 * @throws AssertionError after a step that leaves the actor in another state than the path.
 */
export function followPath<Machine extends AnyStateMachine>(
  { machine, options }: ChartPreset<Machine>,
  path: ChartPath,
  { inspect, check }: FollowPathOptions<Machine> = {},
): void {
  const actor = createActor(machine as AnyStateMachine, {
    input: options.input,
    clock: createSimulatedClock(),
    inspect,
  })
  actor.subscribe({ error: () => {} })
  actor.start()
  const taken: string[] = []
  try {
    for (const { event, state } of path.steps) {
      taken.push(event.type)
      if (event.type !== 'xstate.init') actor.send(event)
      const snapshot = actor.getSnapshot()
      if (snapshot.status === 'error') throw snapshot.error
      const shown = (one: unknown): string => options.serializeState(one as SnapshotFrom<Machine>, undefined)
      assert.deepEqual(
        [snapshot.value, shown(snapshot)],
        [(state as AnyMachineSnapshot).value, shown(state)],
        `after ${taken.join(', ')}`,
      )
      check?.(snapshot as SnapshotFrom<Machine>)
    }
  } finally {
    actor.stop()
  }
}
