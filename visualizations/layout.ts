import { type BoxRow, rowsOf, sizeOf } from './box.ts'
import { type Chart, type ChartEdge, type ChartState, type ChartStep, labelOf, statesOf } from './chart.ts'
import { type Link, layOut, type Node } from './elk.ts'
import { pack } from './packing.ts'
import { moved, type Picture, type PlacedState } from './picture.ts'

const dotSize = 9
const regionGap = 14
const regionPadding = 16

const startOf = (id: string): string => `${id}#start`

/** A long label stands on two lines: height is cheaper than width. */
const wrapped = (step: ChartStep): string[] =>
  labelOf(step).length > 21 && step.guard ? [step.trigger, `[${step.guard}]`] : [labelOf(step)]

/** Regions know nothing of each other: each is laid out by itself, and packed beside the others. */
interface Block {
  /** Of the states laid out in one go, the region or machine they are in. */
  readonly root: ChartState
  readonly depth: number
  readonly isRegion: boolean
}

export async function place({ root, edges }: Chart): Promise<Picture> {
  const rows = rowsOf(root)
  const touched = new Set([
    ...edges.flatMap(({ from, to }) => [from, to]),
    ...statesOf(root).map((s) => s.initial),
  ])
  const rowsAt = (id: string): readonly BoxRow[] => rows.get(id) ?? []

  /** The states of a block, each with its depth; a parallel state hides its regions. */
  function visible(state: ChartState, depth: number): { state: ChartState; depth: number }[] {
    const inner = state.type === 'parallel' ? [] : state.states.flatMap((child) => visible(child, depth + 1))
    return [{ state, depth }, ...inner]
  }

  async function placeRegions({ states, id, key }: ChartState, depth: number): Promise<Picture> {
    const regions = await Promise.all(
      states.map((region) => placeBlock({ root: region, depth: depth + 1, isRegion: true })),
    )
    const header = sizeOf(key, rowsAt(id))
    const packed = pack(regions, regionGap)
    const top = header.height + 6
    const inPlace = regions.map((region, index) => {
      const cell = packed.cells[index] ?? { x: 0, y: 0, width: 0, height: 0 }
      const [frame, ...rest] = region.states
      const centred = moved({ ...region, states: rest }, (cell.width - region.width) / 2, 0)
      const filled = {
        ...centred,
        states: [{ ...(frame as PlacedState), ...cell, x: 0, y: 0 }, ...centred.states],
      }
      return moved(filled, regionPadding + cell.x, top + cell.y)
    })
    return {
      width: Math.max(header.width, packed.width + 2 * regionPadding),
      height: top + packed.height + regionPadding,
      states: inPlace.flatMap((part) => part.states),
      edges: inPlace.flatMap((part) => part.edges),
      starts: inPlace.flatMap((part) => part.starts),
    }
  }

  async function placeBlock({ root: top, depth: topDepth, isRegion }: Block): Promise<Picture> {
    const shown = visible(top, topDepth)
    const parts = new Map<string, Picture>()
    for (const { state, depth } of shown)
      if (state.type === 'parallel') parts.set(state.id, await placeRegions(state, depth))

    /** Where an edge of this block ends that leads to a state hidden in a region: at the parallel state. */
    const anchors = new Map<string, string>()
    for (const { state } of shown) {
      const hidden = state.type === 'parallel' ? statesOf(state) : [state]
      for (const { id } of hidden) anchors.set(id, state.id)
    }
    const keyOf = (id: string): string => id.slice(id.lastIndexOf('.') + 1)
    const linesOf = ({ from, to, steps }: ChartEdge): string[] => {
      const hint = anchors.get(to) === to ? '' : `into ${keyOf(to)}`
      const origin = anchors.get(from) === from ? '' : `from ${keyOf(from)}`
      return [...steps.flatMap(wrapped), [origin, hint].filter(Boolean).join(' ')].filter(
        (line) => line !== '',
      )
    }

    const nodeOf = (state: ChartState): Node => {
      const { id, key, initial } = state
      const part = parts.get(id)
      const dot: Node = { id: startOf(id), width: dotSize, height: dotSize, children: [] }
      return {
        id,
        ...(part ? { width: part.width, height: part.height } : sizeOf(key, rowsAt(id))),
        children: part ? [] : [...(initial ? [dot] : []), ...state.states.map(nodeOf)],
        isAlone: state.states.length === 0 && !touched.has(id),
      }
    }
    const inside = edges.filter(({ from, to }) => {
      const [source, target] = [anchors.get(from), anchors.get(to)]
      return source !== undefined && target !== undefined && source !== target
    })
    const starts = shown.filter(({ state }) => state.initial && state.type !== 'parallel')
    const linkOf = (edge: ChartEdge): Link => ({
      id: `${edge.from} > ${edge.to}`,
      from: anchors.get(edge.from) ?? edge.from,
      to: anchors.get(edge.to) ?? edge.to,
      lines: linesOf(edge),
    })
    const placement = await layOut(nodeOf(top), [
      ...starts.map(({ state: { id, initial = '' } }) => ({
        id: startOf(id),
        from: startOf(id),
        to: anchors.get(initial) ?? initial,
        lines: [],
      })),
      ...inside.map(linkOf),
    ])

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
          isRegion: isRegion && state === top,
        })),
        ...nested.flatMap((part) => part.states),
      ],
      edges: [
        ...inside.map((edge) => {
          const { points, label } = placement.link(linkOf(edge).id)
          return { edge, points, label, lines: linesOf(edge) }
        }),
        ...nested.flatMap((part) => part.edges),
      ],
      starts: [
        ...starts.map(({ state: { id, initial = '' } }) => ({
          to: initial,
          dot: placement.node(startOf(id)),
          points: placement.link(startOf(id)).points,
        })),
        ...nested.flatMap((part) => part.starts),
      ],
    }
  }

  return placeBlock({ root, depth: 0, isRegion: false })
}
