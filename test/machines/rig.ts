import type { AnyActorRef } from 'xstate'
import type { SystemEvent } from '../../machines/events.ts'
import type { AnyExporterDefinition } from '../../src/exporters/exporter.ts'
import { mortalSystem } from '../../src/testing/mortal.ts'
import { type Rig, startRig } from '../delivery/harness.ts'
import { coverage } from '../support/coverage.ts'

/** A rig whose charts are watched for coverage, and whose exporters crash in any state. */
export interface CoveredRig extends Rig {
  /** The exporter's actor dies, in whatever state it is. */
  crash(id?: string): Promise<void>
  /** Tells the root actor something, past the composition root. */
  tell(event: SystemEvent): void
}

export async function startCovered(
  types: readonly AnyExporterDefinition[],
  init: Record<string, unknown>,
): Promise<CoveredRig> {
  const { machine, crash } = mortalSystem()
  let root: AnyActorRef | undefined
  const rig = await startRig(types, init, machine, (event) => {
    coverage.inspect(event)
    if (event.type === '@xstate.actor' && event.actorRef.sessionId === event.rootId)
      root = event.actorRef as AnyActorRef
  })
  return {
    ...rig,
    async crash(id = 'test') {
      crash(id)
      await rig.clock.settle()
    },
    tell: (event) => root?.send(event),
  }
}
