import { type BoxRow, rowsOf, sizeOf } from './box.ts'
import { type Chart, type ChartEdge, type ChartState, type ChartStep, labelOf, statesOf } from './chart.ts'
import { type Columns, layInColumns, startAbove } from './columns.ts'
import { type Direction, type Link, layOut, type Node, type Placement, startRoom } from './elk.ts'
import { pack } from './packing.ts'
import { moved, type Picture, type PlacedStart, type PlacedState, type Rectangle } from './picture.ts'

/** What fits a screen of 1440 x 900 without zoom, beside the margins of the drawing. */
export const screen = { width: 1440 - 16, height: 900 - 16 }

const dotSize = 9
const dotMiddle = 13
const regionGap = 8
const regionPadding = 10

const keyOf = (id: string): string => id.slice(id.lastIndexOf('.') + 1)

/** A long label stands on two lines: height is cheaper than width. */
const wrapped = (step: ChartStep): string[] =>
  labelOf(step).length > 14 && step.guard && step.trigger
    ? [step.trigger, `[${step.guard}]`]
    : [labelOf(step)]

/** The dot of a start to the left of a box, or above it. */
function startAt(to: string, { x, y, width }: Rectangle, isAbove: boolean): PlacedStart {
  const tip = isAbove ? { x: x + width / 2, y } : { x, y: y + dotMiddle }
  const from = isAbove ? { x: tip.x, y: y - startAbove + 2 } : { x: x - startRoom.width + 2, y: tip.y }
  const corner = isAbove ? { x: from.x - dotSize / 2, y: from.y } : { x: from.x, y: from.y - dotSize / 2 }
  const begin = isAbove ? { x: from.x, y: from.y + dotSize } : { x: from.x + dotSize, y: from.y }
  return { to, dot: { ...corner, width: dotSize, height: dotSize }, points: [begin, tip] }
}

/** A list that is too long for one line, on two. */
function folded(text: string): string[] {
  const comma = text.indexOf(', ', text.length / 3)
  return text.length > 18 && comma > 0 ? [text.slice(0, comma + 1), text.slice(comma + 2)] : [text]
}

/** How much of a screen a picture takes: at most 1 fits. */
const shareOf = ({ width, height }: Picture): number => Math.max(width / screen.width, height / screen.height)

/** Those of some pictures of one thing that no other is both narrower and lower than. */
function frontier(pictures: readonly Picture[]): Picture[] {
  const sorted = [...pictures].sort((a, b) => a.width - b.width || a.height - b.height)
  const kept: Picture[] = []
  for (const picture of sorted) {
    const last = kept.at(-1)
    if (!last || picture.height < last.height - 1) kept.push(picture)
  }
  return kept
}

/** All ways to take one of each. */
const choices = <Value>(lists: readonly (readonly Value[])[]): Value[][] =>
  lists.reduce<Value[][]>((all, list) => all.flatMap((some) => list.map((one) => [...some, one])), [[]])

/**
 * Lays a chart out, in several ways.
 * @param isApart states that are laid out by themselves: lines end at their border. Parallel states always are.
 */
async function arrange(
  { root, edges }: Chart,
  isApart: (state: ChartState) => boolean,
  columns?: Columns,
): Promise<Picture[]> {
  const rows = rowsOf(root)
  const touched = new Set([
    ...edges.flatMap(({ from, to }) => [from, to]),
    ...statesOf(root).map((s) => s.initial),
  ])
  const rowsAt = (id: string): readonly BoxRow[] => rows.get(id) ?? []
  const isClosed = (state: ChartState): boolean =>
    state.type === 'parallel' || (state !== root && state.states.length > 0 && isApart(state))

  /** The states of a block, each with its depth; what is laid out apart hides what it holds. */
  function visible(state: ChartState, depth: number, isTop: boolean): { state: ChartState; depth: number }[] {
    const inner =
      !isTop && isClosed(state) ? [] : state.states.flatMap((child) => visible(child, depth + 1, false))
    return [{ state, depth }, ...inner]
  }

  function packed({ id, key }: ChartState, regions: readonly Picture[]): Picture {
    const header = sizeOf(key, rowsAt(id))
    const whole = pack(regions, regionGap)
    const top = header.height + 4
    const inPlace = regions.map((region, index) => {
      const cell = whole.cells[index] ?? { x: 0, y: 0, width: 0, height: 0 }
      const [frame, ...rest] = region.states
      const centred = moved({ ...region, states: rest }, (cell.width - region.width) / 2, 0)
      const filled = {
        ...centred,
        states: [{ ...(frame as PlacedState), ...cell, x: 0, y: 0, isRegion: true }, ...centred.states],
      }
      return moved(filled, regionPadding + cell.x, top + cell.y)
    })
    return {
      width: Math.max(header.width, whole.width + 2 * regionPadding),
      height: top + whole.height + regionPadding,
      states: inPlace.flatMap((part) => part.states),
      edges: inPlace.flatMap((part) => part.edges),
      starts: inPlace.flatMap((part) => part.starts),
    }
  }

  /** What is inside of a state that is laid out apart; its own box is the node that stands for it. */
  async function insides(state: ChartState, depth: number): Promise<Picture[]> {
    if (state.type === 'parallel') {
      const regions = await Promise.all(state.states.map((region) => blocks(region, depth + 1)))
      return frontier(choices(regions).map((chosen) => packed(state, chosen)))
    }
    return (await blocks(state, depth)).map((block) => ({ ...block, states: block.states.slice(1) }))
  }

  async function blocks(top: ChartState, topDepth: number): Promise<Picture[]> {
    const shown = visible(top, topDepth, true)
    const closed = shown.filter(({ state }) => state !== top && isClosed(state))
    const insideOf = await Promise.all(closed.map(({ state, depth }) => insides(state, depth)))
    const pictures: Picture[] = []
    for (const chosen of choices(insideOf)) {
      const parts = new Map(closed.map(({ state }, index) => [state.id, chosen[index] as Picture]))
      const directions: Direction[] = top === root && columns ? ['DOWN'] : ['DOWN', 'RIGHT']
      for (const direction of directions) pictures.push(await block(top, shown, parts, direction))
    }
    return frontier(pictures)
  }

  async function block(
    top: ChartState,
    shown: readonly { state: ChartState; depth: number }[],
    parts: ReadonlyMap<string, Picture>,
    direction: Direction,
  ): Promise<Picture> {
    /** Where an edge of this block ends that leads to a state hidden in another block: at that block. */
    const anchors = new Map<string, string>()
    for (const { state } of shown) {
      const hidden = parts.has(state.id) ? statesOf(state) : [state]
      for (const { id } of hidden) anchors.set(id, state.id)
    }
    const linesOf = (together: readonly ChartEdge[]): string[] => {
      const targets = [...new Set(together.map(({ to }) => to))]
      return targets.flatMap((target) => {
        const same = together.filter(({ to }) => to === target)
        const origins = same.map(({ from }) => from).filter((from) => anchors.get(from) !== from)
        const from = [...new Set(origins.map(keyOf))].join(', ')
        return [
          ...new Set(same.flatMap(({ steps }) => steps.flatMap(wrapped))),
          ...folded(from && `from ${from}`),
          anchors.get(target) === target ? '' : `into ${keyOf(target)}`,
        ].filter((line) => line !== '')
      })
    }
    /** By the box where a state begins that is shown here: what begins there. */
    const initials = new Map<string, string>()
    for (const { state } of shown)
      if (state.initial && !parts.has(state.id))
        initials.set(anchors.get(state.initial) ?? state.initial, state.initial)
    const nodeOf = (state: ChartState): Node => {
      const { id, key } = state
      const part = parts.get(id)
      return {
        id,
        ...(part ? { width: part.width, height: part.height } : sizeOf(key, rowsAt(id))),
        children: part ? [] : state.states.map(nodeOf),
        isAlone: state.states.length === 0 && !touched.has(id),
        isInitial: initials.has(id),
      }
    }
    const inside = edges.filter(({ from, to }) => {
      const [source, target] = [anchors.get(from), anchors.get(to)]
      return source !== undefined && target !== undefined && source !== target
    })
    /** Lines that stand for several edges between what is inside of two boxes. */
    const links = new Map<string, Link & { readonly edges: ChartEdge[] }>()
    for (const edge of inside) {
      const [from, to] = [anchors.get(edge.from) ?? edge.from, anchors.get(edge.to) ?? edge.to]
      const id = `${from} > ${to}`
      const together = [...(links.get(id)?.edges ?? []), edge]
      links.set(id, { id, from, to, edges: together, lines: linesOf(together) })
    }
    const placement: Placement =
      top === root && columns
        ? layInColumns(nodeOf(top), [...links.values()], columns)
        : await layOut(nodeOf(top), [...links.values()], direction)

    const nested = [...parts].map(([id, part]) => moved(part, placement.node(id).x, placement.node(id).y))
    return {
      width: placement.width,
      height: placement.height,
      states: [
        ...shown.map(({ state, depth }) => ({
          ...placement.node(state.id),
          state,
          rows: rowsAt(state.id),
          depth,
          isRegion: false,
        })),
        ...nested.flatMap((part) => part.states),
      ],
      edges: [
        ...[...links.values()].flatMap(({ id, edges: together, lines }) => {
          const { points, label } = placement.link(id)
          return together.map((edge, index) => ({
            edge,
            points,
            lines,
            label: index === 0 ? label : undefined,
            isRepeated: index > 0,
          }))
        }),
        ...nested.flatMap((part) => part.edges),
      ],
      starts: [
        ...[...initials].map(([box, to]) =>
          startAt(to, placement.node(box), top === root && Boolean(columns)),
        ),
        ...nested.flatMap((part) => part.starts),
      ],
    }
  }

  return blocks(root, 0)
}

/**
 * Lays a chart out so that it fits a screen, if it can: in one piece, which draws each line from state to state, or
 * else with each compound state as a piece of its own.
 */
export async function place(chart: Chart, columns?: Columns): Promise<Picture> {
  const pictures: Picture[] = []
  for (const isApart of columns ? [() => true] : [() => false, () => true]) {
    pictures.push(...(await arrange(chart, isApart, columns)))
    pictures.sort((a, b) => shareOf(a) - shareOf(b))
    if (pictures[0] && shareOf(pictures[0]) <= 1) break
  }
  return pictures[0] as Picture
}
