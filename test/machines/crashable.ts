import type { AnyActorRef, EventObject } from 'xstate'
import type { SystemEvent } from '../../machines/events.ts'
import type { AnyExporterDefinition } from '../../src/exporters/exporter.ts'
import type { ConfigInit } from '../../src/typed-init.ts'
import { type SimulatedTelemetry, startSimulated } from '../support/simulated-telemetry.ts'

/** `breaker@1`: of the second of several endpoints. */
export type Chart = 'exporter' | 'delivery' | 'failover' | 'breaker' | 'breaker@1'

/** A telemetry system on simulated time whose actors crash in any state. */
export interface CrashableTelemetry extends SimulatedTelemetry {
  /** One of the exporter's actors dies, in whatever state it is. */
  crash(id?: string, chart?: Chart): Promise<void>
  /** Tells the root actor something, past the composition root. */
  tell(event: SystemEvent): void
  /** Every actor there has been, oldest first. */
  readonly actors: readonly AnyActorRef[]
  /** The living actor of a chart. */
  actor(chart: Chart, id?: string): AnyActorRef
}

/** What kills a chart in any of its states: each of them looks into it. */
const poisons: Readonly<Record<Chart, readonly [type: string, ...keys: string[]]>> = {
  exporter: ['config.prepare', 'effect', 'version'],
  delivery: ['delivery.drain', 'replyTo'],
  failover: ['breaker.shown', 'endpoint', 'availability'],
  breaker: ['breaker.configure', 'settings'],
  'breaker@1': ['breaker.configure', 'settings'],
}

function poisonFor(chart: Chart): EventObject {
  const [type, ...keys] = poisons[chart]
  const die = (): never => {
    throw new Error(`the ${chart} crashed`)
  }
  return Object.defineProperties({ type }, Object.fromEntries(keys.map((key) => [key, { get: die }])))
}

const systemIdOf = (actor: AnyActorRef): unknown => (actor as { systemId?: unknown }).systemId

export async function startCrashable(
  types: readonly AnyExporterDefinition[],
  init: ConfigInit<readonly AnyExporterDefinition[]>,
): Promise<CrashableTelemetry> {
  const actors: AnyActorRef[] = []
  let root: AnyActorRef | undefined
  const rig = await startSimulated(types, init, undefined, (event) => {
    if (event.type !== '@xstate.actor') return
    const actor = event.actorRef as AnyActorRef
    actors.push(actor)
    if (actor.sessionId === event.rootId) root = actor
  })
  const actorOf = (chart: Chart, id = 'test'): AnyActorRef => {
    const [kind, endpoint] = chart.split('@')
    const systemId = endpoint === undefined ? `${kind}:${id}` : `${kind}:${id}@${endpoint}`
    const actor = actors.findLast((one) => systemIdOf(one) === systemId)
    if (!actor) throw new Error(`there is no ${chart} of ${id}`)
    return actor
  }
  return {
    ...rig,
    actors,
    actor: actorOf,
    async crash(id = 'test', chart: Chart = 'exporter') {
      actorOf(chart, id).send(poisonFor(chart))
      await rig.clock.settle()
    },
    tell: (event) => root?.send(event),
  }
}
