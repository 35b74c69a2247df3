import { type ChartRule, type ChartState, labelOf } from './chart.ts'

/**
 * Sizes in pixels. Labels are monospaced, so that their width is known without a browser; state names get the
 * width of the widest common system font.
 */
export const metrics = {
  nameSize: 13,
  nameAdvance: 8.2,
  textSize: 11,
  textAdvance: 6.63,
  lineHeight: 14,
  labelLine: 13.5,
  headerHeight: 26,
  iconWidth: 14,
  paddingX: 10,
  paddingBottom: 7,
} as const

/** A longer row goes on on further lines; what holds other states is wider. */
const longestLine = { leaf: 22, frame: 34 } as const

/** An entry in a state's box, of one or more lines. */
export interface BoxRow {
  /**
   * `runs`: an actor lives as long as the state. `handles`: kept by an event. `enters`: entered from anywhere around.
   * `does`: on entry or exit.
   */
  readonly kind: 'runs' | 'handles' | 'enters' | 'does'
  readonly lines: readonly string[]
  /** What is done, for whoever points at it. */
  readonly detail: string
}

const detailOf = (actions: readonly string[]): string => actions.join(', ')

/** `trigger [guard] / one, two`, broken before the slash or after a comma where it is too long for one line. */
function linesOf(head: string, effects: readonly string[], longest: number): string[] {
  if (effects.length === 0) return [head]
  const whole = `${head} / ${effects.join(', ')}`
  if (whole.length <= longest) return [whole]
  const lines = [`${head} /`]
  for (const [index, effect] of effects.entries()) {
    const text = index < effects.length - 1 ? `${effect},` : effect
    const line = lines.at(-1) ?? ''
    const joined = `${line} ${text}`
    if (joined.length <= longest) lines[lines.length - 1] = joined
    else lines.push(` ${text}`)
  }
  return lines
}

const rowOf = (rule: ChartRule, longest: number): BoxRow => ({
  kind: 'handles',
  lines: linesOf(labelOf(rule), rule.effects, longest),
  detail: detailOf(rule.actions),
})

/** Candidates of one trigger that all do something unseen need no guards to be told apart. */
function handled(rules: readonly ChartRule[], longest: number): BoxRow[] {
  const triggers = [...new Set(rules.map(({ trigger }) => trigger))]
  return triggers.flatMap((trigger): BoxRow[] => {
    const same = rules.filter((rule) => rule.trigger === trigger)
    if (
      same.length > 1 &&
      same.at(-1)?.guard === 'else' &&
      same.every(({ effects }) => effects.length === 0)
    ) {
      const detail = same.map((rule) => `[${rule.guard}] ${detailOf(rule.actions)}`).join('\n')
      return [{ kind: 'handles', lines: [trigger], detail }]
    }
    return same.map((rule) => rowOf(rule, longest))
  })
}

/** The rows of each state's box, by state id. */
export function rowsOf(root: ChartState): Map<string, BoxRow[]> {
  const rows = new Map<string, BoxRow[]>()
  const add = (id: string, row: BoxRow): void => {
    rows.set(id, [...(rows.get(id) ?? []), row])
  }
  const walk = (state: ChartState): void => {
    const longest = state.states.length > 0 ? longestLine.frame : longestLine.leaf
    for (const when of ['entry', 'exit'] as const) {
      const { actions, effects } = state[when]
      if (effects.length > 0)
        add(state.id, { kind: 'does', lines: linesOf(when, effects, longest), detail: detailOf(actions) })
    }
    for (const actor of state.invokes)
      add(state.id, { kind: 'runs', lines: [actor], detail: `runs ${actor}` })
    const own = state.rules.filter(({ to }) => to === undefined || to === state.id)
    for (const row of handled(own, longest)) add(state.id, row)
    for (const rule of state.rules)
      if (rule.to !== undefined && rule.to !== state.id)
        add(rule.to, {
          kind: 'enters',
          lines: [labelOf(rule)],
          detail: `from anywhere in ${state.key}${rule.actions.length > 0 ? `: ${detailOf(rule.actions)}` : ''}`,
        })
    for (const child of state.states) walk(child)
  }
  walk(root)
  return rows
}

export const linesIn = (rows: readonly BoxRow[]): number =>
  rows.reduce((sum, { lines }) => sum + lines.length, 0)

/** Width and height that a box needs for its name and rows. */
export function sizeOf(name: string, rows: readonly BoxRow[]): { width: number; height: number } {
  const widest = Math.max(
    name.length * metrics.nameAdvance,
    ...rows.flatMap(({ lines }) =>
      lines.map((line) => metrics.iconWidth + line.length * metrics.textAdvance),
    ),
  )
  const body = rows.length === 0 ? 0 : linesIn(rows) * metrics.lineHeight + metrics.paddingBottom
  return {
    width: Math.ceil(Math.max(60, widest + 2 * metrics.paddingX)),
    height: metrics.headerHeight + body,
  }
}
