import { type ChartRule, type ChartState, labelOf } from './chart.ts'

/**
 * Sizes in pixels. Labels are monospaced, so that their width is known without a browser; state names get the
 * width of the widest common system font.
 */
export const metrics = {
  nameSize: 13,
  nameAdvance: 8.4,
  textSize: 10.5,
  textAdvance: 6.33,
  lineHeight: 15,
  labelLine: 13.5,
  headerHeight: 27,
  iconWidth: 14,
  paddingX: 12,
  paddingBottom: 9,
} as const

/** A line inside a state's box. */
export interface BoxRow {
  /** `runs`: an actor lives as long as the state. `handles`: kept by an event. `enters`: entered from anywhere around. */
  readonly kind: 'runs' | 'handles' | 'enters'
  readonly text: string
  /** What is done, for whoever points at it. */
  readonly detail: string
}

const detailOf = (actions: readonly string[]): string => actions.join(', ')

/** Candidates of one trigger that leave no gap between them need no guards to be told apart. */
function handled(rules: readonly ChartRule[]): BoxRow[] {
  const triggers = [...new Set(rules.map(({ trigger }) => trigger))]
  return triggers.flatMap((trigger): BoxRow[] => {
    const same = rules.filter((rule) => rule.trigger === trigger)
    if (same.length > 1 && same.at(-1)?.guard === 'else') {
      const detail = same.map((rule) => `[${rule.guard}] ${detailOf(rule.actions)}`).join('\n')
      return [{ kind: 'handles', text: trigger, detail }]
    }
    return same.map((rule) => ({
      kind: 'handles',
      text: labelOf(rule),
      detail: detailOf(rule.actions),
    }))
  })
}

/** The rows of each state's box, by state id. */
export function rowsOf(root: ChartState): Map<string, BoxRow[]> {
  const rows = new Map<string, BoxRow[]>()
  const add = (id: string, row: BoxRow): void => {
    rows.set(id, [...(rows.get(id) ?? []), row])
  }
  const walk = (state: ChartState): void => {
    for (const actor of state.invokes) add(state.id, { kind: 'runs', text: actor, detail: `runs ${actor}` })
    const own = state.rules.filter(({ to }) => to === undefined || to === state.id)
    for (const row of handled(own)) add(state.id, row)
    for (const rule of state.rules)
      if (rule.to !== undefined && rule.to !== state.id)
        add(rule.to, {
          kind: 'enters',
          text: labelOf(rule),
          detail: `from anywhere in ${state.key}${rule.actions.length > 0 ? `: ${detailOf(rule.actions)}` : ''}`,
        })
    for (const child of state.states) walk(child)
  }
  walk(root)
  return rows
}

/** Width and height that a box needs for its name and rows. */
export function sizeOf(name: string, rows: readonly BoxRow[]): { width: number; height: number } {
  const widest = Math.max(
    name.length * metrics.nameAdvance,
    ...rows.map(({ text }) => metrics.iconWidth + text.length * metrics.textAdvance),
  )
  const body = rows.length === 0 ? 0 : rows.length * metrics.lineHeight + metrics.paddingBottom
  return {
    width: Math.ceil(Math.max(64, widest + 2 * metrics.paddingX)),
    height: metrics.headerHeight + body,
  }
}
