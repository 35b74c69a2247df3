import assert from 'node:assert/strict'
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition, InspectionEvent } from 'xstate'

const guardOf = ({ guard }: AnyTransitionDefinition): string => {
  if (!guard) return ''
  const name = typeof guard === 'object' ? guard.type : typeof guard === 'function' ? guard.name : guard
  return ` [${String(name)}]`
}

const candidatesOf = (node: AnyStateNode, event: string): readonly AnyTransitionDefinition[] =>
  event === '' ? (node.always ?? []) : (node.transitions.get(event) ?? [])

/**
 * A transition is named by its source, its event, its place among that event's candidates and its guard, so that the
 * names of a machine and of a running copy of it (`machine.provide`) are the same.
 */
function nameOf(transition: AnyTransitionDefinition): string {
  const { source, eventType } = transition
  const candidates = candidatesOf(source, eventType)
  const place = candidates.length > 1 ? ` #${candidates.indexOf(transition)}` : ''
  return `${source.id}: ${eventType || 'always'}${place}${guardOf(transition)}`
}

const nodesOf = (node: AnyStateNode): AnyStateNode[] => [node, ...Object.values(node.states).flatMap(nodesOf)]

/** Returns the ids of all states of a machine, such as `breaker.half_open.probing`. */
export const statesOf = ({ root }: AnyStateMachine): string[] => nodesOf(root).map(({ id }) => id)

/** Returns the names of all transitions of a machine, such as `breaker.closed: export.reported #1 [trips]`. */
export const transitionsOf = ({ root }: AnyStateMachine): string[] =>
  nodesOf(root).flatMap((node) =>
    [...node.transitions.values(), node.always ?? []].flat().map((transition) => nameOf(transition)),
  )

/** Which states were entered and which transitions were taken by the actors that it has watched. */
export interface Coverage {
  /** Ids, as in {@link statesOf}. */
  readonly states: ReadonlySet<string>
  /** Names, as in {@link transitionsOf}. */
  readonly transitions: ReadonlySet<string>
  /** Give it to `createActor(machine, { inspect })` or to `createTelemetry({ inspect })`. */
  readonly inspect: (event: InspectionEvent) => void
}

/** Makes an empty {@link Coverage}. One can watch many actors of many machines; read it with {@link assertCovered}. */
export function createCoverage(): Coverage {
  const states = new Set<string>()
  const transitions = new Set<string>()
  return {
    states,
    transitions,
    inspect(event) {
      if (event.type !== '@xstate.microstep' && event.type !== '@xstate.snapshot') return
      const { _nodes: nodes = [] } = event.snapshot as { _nodes?: readonly AnyStateNode[] }
      for (const { id } of nodes) states.add(id)
      if (event.type === '@xstate.snapshot') return
      for (const transition of event._transitions) {
        // A state that is left within the same step is in no snapshot.
        states.add(transition.source.id)
        transitions.add(nameOf(transition))
      }
    },
  }
}

/** The options of {@link assertCovered}. */
export interface CoveredOptions {
  /** States and transitions, by id or name, that need not be covered. It is an error if one of them is covered. */
  readonly except?: readonly string[]
}

/**
 * Asserts that every state of a machine was entered, and every transition of it taken.
 *
 * @throws AssertionError that lists those that were not, and the exceptions that were or that do not exist.
 */
export function assertCovered(
  { states, transitions }: Pick<Coverage, 'states' | 'transitions'>,
  machine: AnyStateMachine,
  { except = [] }: CoveredOptions = {},
): void {
  const missing = (all: readonly string[], covered: ReadonlySet<string>): string[] =>
    all.filter((name) => !covered.has(name) && !except.includes(name))
  const all = new Set([...statesOf(machine), ...transitionsOf(machine)])
  assert.deepEqual(
    {
      states: missing(statesOf(machine), states),
      transitions: missing(transitionsOf(machine), transitions),
      exceptions: except.filter((name) => states.has(name) || transitions.has(name) || !all.has(name)),
    },
    { states: [], transitions: [], exceptions: [] },
    `the machine "${machine.id}" is not covered as expected`,
  )
}
