/**
 * Runs what an actor heard through the pure `transition()` and compares it with what the actor became. Neither guards
 * nor delays nor assignments may ask the unit anything: in the pure run it refuses.
 */
import assert from 'node:assert/strict'
import {
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventObject,
  type InspectionEvent,
  initialTransition,
  transition,
} from 'xstate'

export interface Recording {
  readonly inspect: (event: InspectionEvent) => void
  /** Replays all that the actor heard; returns how many steps that were. */
  compare(actor: AnyActorRef): number
}

interface Step {
  readonly actor: unknown
  readonly event: EventObject
  readonly snapshot: AnyMachineSnapshot
}

/** What a chart may know of a unit. Its lives are made where actors are spawned. */
const known = new Set<string | symbol>(['id', 'pulled', 'life'])

const silent = <Unit extends object>(unit: Unit): Unit =>
  new Proxy(unit, {
    get(target, key) {
      assert.ok(known.has(key), `the chart asks its unit for ${String(key)}`)
      const value = Reflect.get(target, key)
      return key === 'life' ? (epoch: number) => silent((value as (n: number) => object)(epoch)) : value
    },
  })

/** The input of a chart, with units that answer nothing. */
function silenced(input: unknown): unknown {
  const { unit, spool, exporters, ...rest } = input as Record<string, object | undefined>
  return {
    ...rest,
    ...(unit ? { unit: silent(unit) } : {}),
    ...(spool ? { spool: silent(spool) } : {}),
    ...(Array.isArray(exporters) && {
      exporters: exporters.map((planned) => ({ ...planned, unit: silent(planned.unit) })),
    }),
  }
}

/** The data part of a context: actors and units by their ids alone. */
function dataOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if ('send' in value && 'id' in value) return `actor ${(value as AnyActorRef).id}`
  if ('life' in value || 'listen' in value || 'forbid' in value)
    return `unit ${(value as { id?: string }).id}`
  if (Array.isArray(value)) return value.map(dataOf)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, dataOf(inner)]))
}

const seen = ({ value, status, tags, context }: AnyMachineSnapshot) => ({
  value,
  status,
  tags: [...tags].sort(),
  context: dataOf(context),
})

export function createRecording(): Recording {
  const steps: Step[] = []
  return {
    inspect(event) {
      if (event.type !== '@xstate.snapshot') return
      steps.push({
        actor: event.actorRef,
        event: event.event,
        snapshot: event.snapshot as AnyMachineSnapshot,
      })
    },
    compare(actor) {
      const { logic, options } = actor as unknown as { logic: AnyStateMachine; options: { input: unknown } }
      let pure: AnyMachineSnapshot = initialTransition(logic, silenced(options.input) as never)[0]
      let count = 0
      for (const { actor: who, event, snapshot } of steps) {
        if (who !== actor) continue
        if (event.type === 'xstate.stop') break
        if (event.type !== 'xstate.init') pure = transition(logic, pure as never, event as never)[0]
        assert.deepEqual(seen(pure), seen(snapshot), `after ${event.type}`)
        count += 1
      }
      return count
    },
  }
}
