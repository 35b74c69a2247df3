/**
 * Which states of the charts were entered and which of their transitions were taken, read from XState's inspection
 * of the running actors. A transition is named by its source, its event, its place among that event's candidates
 * and its guard, so that the names of a definition and of a running, wired copy of it are the same.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition, InspectionEvent } from 'xstate'

const guardOf = ({ guard }: AnyTransitionDefinition): string => (guard ? ` [${String(guard)}]` : '')

const candidatesOf = (node: AnyStateNode, event: string): readonly AnyTransitionDefinition[] =>
  event === '' ? (node.always ?? []) : (node.transitions.get(event) ?? [])

function nameOf(transition: AnyTransitionDefinition): string {
  const { source, eventType } = transition
  const candidates = candidatesOf(source, eventType)
  const place = candidates.length > 1 ? ` #${candidates.indexOf(transition)}` : ''
  return `${source.id}: ${eventType || 'always'}${place}${guardOf(transition)}`
}

const nodesOf = (node: AnyStateNode): AnyStateNode[] => [node, ...Object.values(node.states).flatMap(nodesOf)]

export const statesOf = ({ root }: AnyStateMachine): string[] => nodesOf(root).map(({ id }) => id)

export const transitionsOf = ({ root }: AnyStateMachine): string[] =>
  nodesOf(root).flatMap((node) =>
    [...node.transitions.values(), node.always ?? []].flat().map((transition) => nameOf(transition)),
  )

export interface Coverage {
  readonly states: ReadonlySet<string>
  readonly transitions: ReadonlySet<string>
  readonly inspect: (event: InspectionEvent) => void
}

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
        // Left again within the step, it was in no snapshot.
        states.add(transition.source.id)
        transitions.add(nameOf(transition))
      }
    },
  }
}

/** What all tests of the charts have reached so far in this process. */
export const coverage: Coverage = createCoverage()
