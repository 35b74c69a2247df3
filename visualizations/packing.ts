import type { Rectangle } from './picture.ts'

interface Size {
  readonly width: number
  readonly height: number
}

/** Nested rows and columns; a leaf is the index of what it holds. */
type Slicing = number | { readonly across: boolean; readonly parts: readonly Slicing[] }

/** All ways to cut a list into two or more runs. */
function cuts(indexes: readonly number[]): number[][][] {
  const all: number[][][] = []
  for (let mask = 1; mask < 2 ** (indexes.length - 1); mask += 1) {
    const runs: number[][] = [[]]
    indexes.forEach((index, at) => {
      runs.at(-1)?.push(index)
      if (mask & (1 << at) && at < indexes.length - 1) runs.push([])
    })
    all.push(runs)
  }
  return all
}

function slicings(indexes: readonly number[], across: boolean): Slicing[] {
  const [only] = indexes
  if (indexes.length === 1 && only !== undefined) return [only]
  return cuts(indexes).flatMap((runs) =>
    runs
      .map((run) => slicings(run, !across))
      .reduce<Slicing[][]>(
        (sofar, options) => sofar.flatMap((parts) => options.map((o) => [...parts, o])),
        [[]],
      )
      .map((parts) => ({ across, parts })),
  )
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

function measure(slicing: Slicing, sizes: readonly Size[], gap: number): Size {
  if (typeof slicing === 'number') return sizes[slicing] ?? { width: 0, height: 0 }
  const parts = slicing.parts.map((part) => measure(part, sizes, gap))
  const gaps = gap * (parts.length - 1)
  const widths = parts.map(({ width }) => width)
  const heights = parts.map(({ height }) => height)
  return slicing.across
    ? { width: sum(widths) + gaps, height: Math.max(...heights) }
    : { width: Math.max(...widths), height: sum(heights) + gaps }
}

/** Gives each part its cell; what a part does not need goes to it in proportion, so that the cells fill the whole. */
function fill(
  slicing: Slicing,
  cell: Rectangle,
  sizes: readonly Size[],
  gap: number,
  cells: Rectangle[],
): void {
  if (typeof slicing === 'number') {
    cells[slicing] = cell
    return
  }
  const { across, parts } = slicing
  const needs = parts
    .map((part) => measure(part, sizes, gap))
    .map((size) => (across ? size.width : size.height))
  const spare = (across ? cell.width : cell.height) - sum(needs) - gap * (parts.length - 1)
  let at = across ? cell.x : cell.y
  parts.forEach((part, index) => {
    const need = needs[index] ?? 0
    const length = need + spare * (need / sum(needs))
    const inner = across ? { ...cell, x: at, width: length } : { ...cell, y: at, height: length }
    fill(part, inner, sizes, gap, cells)
    at += length + gap
  })
}

/** Packs a handful of boxes, in their order, into nested rows and columns: as small and as square as may be. */
export function pack(sizes: readonly Size[], gap: number): Size & { readonly cells: readonly Rectangle[] } {
  const indexes = sizes.map((_, index) => index)
  const options = [...slicings(indexes, true), ...slicings(indexes, false)]
  const ranked = options
    .map((slicing) => ({ slicing, size: measure(slicing, sizes, gap) }))
    .sort((a, b) => Math.max(a.size.width, a.size.height) - Math.max(b.size.width, b.size.height))
  const [best] = ranked
  if (!best) return { width: 0, height: 0, cells: [] }
  const cells: Rectangle[] = []
  fill(best.slicing, { x: 0, y: 0, ...best.size }, sizes, gap, cells)
  return { ...best.size, cells }
}
