import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'

/** What is done, and what of it has effects. */
export interface Actions {
  readonly actions: readonly string[]
  readonly effects: readonly string[]
}

/** One way out of a state: what sets it off, under which condition, what is done on the way. */
export interface ChartStep {
  /** As shown: `config.prepare`, `after untilDue`, `done`, `error`, or empty for a transition taken at once. */
  readonly trigger: string
  /** The guard's name; `else` where an earlier candidate has one and this one does not. */
  readonly guard: string | undefined
  readonly actions: readonly string[]
  /** Of the actions, those that reach beyond the chart's own memory. */
  readonly effects: readonly string[]
}

/** A transition without a target, or into the state it belongs to from wherever inside it one is. */
export interface ChartRule extends ChartStep {
  /** Id of the target; undefined when the state is kept. */
  readonly to: string | undefined
}

export interface ChartState {
  /** As XState gives it: `exporter.active.client.serving`. */
  readonly id: string
  readonly key: string
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history'
  readonly initial: string | undefined
  readonly entry: Actions
  readonly exit: Actions
  /** Names of the actors it runs while it is active. */
  readonly invokes: readonly string[]
  readonly rules: readonly ChartRule[]
  readonly states: readonly ChartState[]
}

/** All steps from one state to another, outside of it. */
export interface ChartEdge {
  readonly from: string
  readonly to: string
  readonly steps: readonly ChartStep[]
}

export interface Chart {
  readonly root: ChartState
  readonly edges: readonly ChartEdge[]
}

const nameOf = (thing: unknown): string => {
  if (typeof thing === 'string') return thing
  const { type, name } = thing as { type?: unknown; name?: unknown }
  if (typeof type === 'string') return type
  return typeof name === 'string' && name ? name : 'inline'
}

const guardName = (guard: unknown): string | undefined => {
  if (guard === undefined) return undefined
  const { guards } = guard as { guards?: readonly unknown[] }
  if (!guards) return nameOf(guard)
  const names = guards.map(guardName)
  return nameOf(guard) === 'not' ? `not ${names[0]}` : names.join(` ${nameOf(guard)} `)
}

/** `announce` says that a shown state was entered; XState's own keep the timers of `after`. */
const silent = new Set(['announce', 'xstate.raise', 'xstate.cancel'])

/** An assignment only notes something for later. */
function isEffect(name: string, { machine }: AnyStateNode): boolean {
  const action = machine.implementations.actions[name] as { type?: unknown } | undefined
  return !silent.has(name) && action?.type !== 'xstate.assign'
}

function actionsOf(actions: readonly unknown[], node: AnyStateNode): Actions {
  const names = actions.map(nameOf)
  return { actions: names, effects: names.filter((name) => isEffect(name, node)) }
}

function triggerOf(type: string, node: AnyStateNode): string {
  if (type === '') return ''
  const after = node.after.find((delayed) => delayed.eventType === type)
  if (after) return `after ${typeof after.delay === 'number' ? `${after.delay} ms` : after.delay}`
  for (const { id, src } of node.invoke) {
    const of = node.invoke.length > 1 ? ` ${nameOf(src)}` : ''
    if (type === `xstate.done.actor.${id}`) return `done${of}`
    if (type === `xstate.error.actor.${id}`) return `error${of}`
  }
  if (type.startsWith('xstate.done.state.')) return 'done'
  if (type.startsWith('xstate.error.actor.')) return 'actor crashed'
  return type
}

const isWithin = (node: AnyStateNode, ancestor: AnyStateNode): boolean =>
  node === ancestor || (node.parent !== undefined && isWithin(node.parent, ancestor))

interface Way extends ChartStep {
  readonly from: AnyStateNode
  readonly target: AnyStateNode | undefined
}

function waysOf(node: AnyStateNode): Way[] {
  const candidates: [string, readonly AnyTransitionDefinition[]][] = [
    ...(node.always ? [['', node.always] as [string, AnyTransitionDefinition[]]] : []),
    ...node.transitions,
  ]
  return candidates.flatMap(([type, definitions]) =>
    definitions.flatMap((definition, index): Way[] => {
      const guarded = definitions.slice(0, index).some(({ guard }) => guard !== undefined)
      const step = {
        from: node,
        trigger: triggerOf(type, node),
        guard: guardName(definition.guard) ?? (guarded ? 'else' : undefined),
        ...actionsOf(definition.actions, node),
      }
      return (definition.target ?? [undefined]).map((target) => ({ ...step, target }))
    }),
  )
}

/** A state that goes to itself, or an ancestor that goes into what it holds: said in the box, not drawn. */
const isRule = ({ from, target }: Way): boolean => target === undefined || isWithin(target, from)

const stepOf = ({ trigger, guard, actions, effects }: Way): ChartStep => ({
  trigger,
  guard,
  actions,
  effects,
})

function stateOf(node: AnyStateNode): ChartState {
  return {
    id: node.id,
    key: node.key,
    type: node.type,
    initial: node.initial?.target[0]?.id,
    entry: actionsOf(node.entry, node),
    exit: actionsOf(node.exit, node),
    invokes: node.invoke.map(({ src }) => nameOf(src)),
    rules: waysOf(node)
      .filter(isRule)
      .map((way) => ({ ...stepOf(way), to: way.target?.id })),
    states: Object.values(node.states).map((child) => stateOf(child as AnyStateNode)),
  }
}

function edgesOf(node: AnyStateNode): ChartEdge[] {
  const byTarget = new Map<string, ChartStep[]>()
  for (const way of waysOf(node)) {
    if (isRule(way) || !way.target) continue
    const steps = byTarget.get(way.target.id) ?? []
    byTarget.set(way.target.id, [...steps, stepOf(way)])
  }
  const own = [...byTarget].map(([to, steps]) => ({ from: node.id, to, steps }))
  return [...own, ...Object.values(node.states).flatMap((child) => edgesOf(child as AnyStateNode))]
}

/** What there is to draw of a machine, whoever draws it. */
export function chartOf(machine: AnyStateMachine): Chart {
  return { root: stateOf(machine.root), edges: edgesOf(machine.root) }
}

export const statesOf = (state: ChartState): ChartState[] => [state, ...state.states.flatMap(statesOf)]

/** `config.prepare [opensClient]`. */
export const labelOf = ({ trigger, guard }: Pick<ChartStep, 'trigger' | 'guard'>): string =>
  [trigger, guard && `[${guard}]`].filter(Boolean).join(' ')
