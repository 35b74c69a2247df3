import { type Chart, type ChartEdge, type ChartState, labelOf } from './chart.ts'

/** Mermaid's ids know no dots. */
const idOf = (id: string): string => id.replaceAll(/\W/g, '_')

/** A colon, a semicolon or a hash would end the label. */
const textOf = (text: string): string => text.replaceAll(/[:;#]/g, ' ')

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`)

function stateLines(state: ChartState): string[] {
  const id = idOf(state.id)
  if (state.states.length === 0) {
    const running = state.invokes.map((actor) => `${id} : runs ${textOf(actor)}`)
    return [`state "${state.key}" as ${id}`, ...running]
  }
  return [`state "${state.key}" as ${id} {`, ...indented(childLines(state)), '}']
}

/**
 * Regions of a parallel state are plain nested states: Mermaid crashes on a transition of a composite state
 * beside a `--` divider.
 */
function childLines(state: ChartState): string[] {
  const initial = state.initial ? [`[*] --> ${idOf(state.initial)}`] : []
  const finals = state.states.filter(({ type }) => type === 'final').map(({ id }) => `${idOf(id)} --> [*]`)
  return [...state.states.flatMap(stateLines), ...initial, ...finals]
}

function edgeLine({ from, to, steps }: ChartEdge): string {
  const label = steps.map(labelOf).filter(Boolean).map(textOf).join('<br/>')
  return `${idOf(from)} --> ${idOf(to)}${label ? ` : ${label}` : ''}`
}

/** A stateDiagram-v2 as GitHub renders it: states and transitions; rules that keep a state are left out. */
export function mermaidOf({ root, edges }: Chart): string {
  const lines = ['direction TB', ...childLines(root), ...edges.map(edgeLine)]
  return ['stateDiagram-v2', ...indented(lines), ''].join('\n')
}
