import { type Chart, type ChartEdge, type ChartRule, type ChartState, labelOf } from './chart.ts'

/** Mermaid's ids know no dots. */
const idOf = (id: string): string => id.replaceAll(/\W/g, '_')

/** A colon, a semicolon or a hash would end the label. */
const textOf = (text: string): string => text.replaceAll(/[:;#]/g, ' ')

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`)

/** A leaf says what is done and what runs in it, and what leads to it from anywhere around: Mermaid cannot draw that. */
function stateLines(state: ChartState, around: readonly ChartRule[]): string[] {
  const id = idOf(state.id)
  if (state.states.length > 0)
    return [`state "${state.key}" as ${id} {`, ...indented(childLines(state, around)), '}']
  const doing = (['entry', 'exit'] as const)
    .filter((when) => state[when].effects.length > 0)
    .map((when) => `${id} : ${when} / ${textOf(state[when].effects.join(', '))}`)
  const running = state.invokes.map((actor) => `${id} : runs ${textOf(actor)}`)
  const entered = around.filter(({ to }) => to === state.id)
  const entering = entered.map((rule) => `${id} : from anywhere on ${textOf(labelOf(rule))}`)
  return [`state "${state.key}" as ${id}`, ...doing, ...running, ...entering]
}

/**
 * Regions of a parallel state are plain nested states: Mermaid crashes on a transition of a composite state
 * beside a `--` divider.
 */
function childLines(state: ChartState, around: readonly ChartRule[]): string[] {
  const rules = [...around, ...state.rules]
  const initial = state.initial ? [`[*] --> ${idOf(state.initial)}`] : []
  const finals = state.states.filter(({ type }) => type === 'final').map(({ id }) => `${idOf(id)} --> [*]`)
  return [...state.states.flatMap((child) => stateLines(child, rules)), ...initial, ...finals]
}

function edgeLine({ from, to, steps }: ChartEdge): string {
  const label = steps.map(labelOf).filter(Boolean).map(textOf).join('<br/>')
  return `${idOf(from)} --> ${idOf(to)}${label ? ` : ${label}` : ''}`
}

/** A stateDiagram-v2 as GitHub renders it: states and transitions; rules that keep a state are left out. */
export function mermaidOf({ root, edges }: Chart): string {
  const lines = ['direction TB', ...childLines(root, []), ...edges.map(edgeLine)]
  return ['stateDiagram-v2', ...indented(lines), ''].join('\n')
}
