import { arrow, type Channelled, labelsWidth, type Route, routeChannel, tracksWidth } from './channel.ts'
import { type Link, type Node, type Placement, sizeOfLines } from './elk.ts'
import type { Rectangle } from './picture.ts'

/** Boxes in columns, by the last part of their ids, from left to right and from top to bottom. */
export type Columns = readonly (readonly string[])[]

const padding = 10
/** Room above a box for the dot of what begins there: lines come to it from both sides. */
export const startAbove = 19
const lineGap = 12
const labelGap = 5
/** Between two boxes that no line connects. */
const boxGap = 14

const sizeOf = ({ lines }: Link): { width: number; height: number } =>
  lines.length > 0 ? sizeOfLines(lines) : { width: 0, height: 0 }

/** A line down or up between two boxes; positions from the middle of the column. */
interface Stacked {
  readonly link: Link
  readonly x: number
  readonly label: { readonly x: number; readonly width: number; readonly height: number }
}

/** Of several lines the label of the first stands to its left, the others to their right. */
function stack(links: readonly Link[]): Stacked[] {
  let x = links.length > 1 ? -lineGap : 0
  return links.map((link, index) => {
    const { width, height } = sizeOf(link)
    const isLeft = index === 0 && links.length > 1
    const stacked = { link, x, label: { x: isLeft ? x - labelGap - width : x + labelGap, width, height } }
    x += isLeft ? 2 * lineGap : labelGap + width + lineGap
    return stacked
  })
}

/**
 * Places boxes in columns and routes the lines between them: straight between neighbours in a column, otherwise through
 * the channel to the left of a column.
 * @throws Error where a box has no column, or a line would have to cross one.
 */
export function layInColumns(root: Node, links: readonly Link[], columns: Columns): Placement {
  const nodes = new Map(root.children.map((child) => [child.id, child]))
  const ids = columns.map((keys) => keys.map((key) => `${root.id}.${key}`))
  const placeOf = (id: string): { column: number; row: number } => {
    const column = ids.findIndex((column) => column.includes(id))
    if (column < 0 || !nodes.has(id)) throw new Error(`${id} has no place in a column`)
    return { column, row: ids[column]?.indexOf(id) ?? 0 }
  }
  for (const id of nodes.keys()) placeOf(id)

  /** Between neighbours in a column, by the upper one; and the others, by the column to the right of their channel. */
  const between = new Map<string, Link[]>()
  const channels: Link[][] = columns.map(() => [])
  for (const link of links) {
    const [from, to] = [placeOf(link.from), placeOf(link.to)]
    if (Math.abs(from.column - to.column) > 1) throw new Error(`${link.id} would cross a column`)
    if (from.column === to.column && Math.abs(from.row - to.row) === 1) {
      const upper = from.row < to.row ? link.from : link.to
      between.set(upper, [...(between.get(upper) ?? []), link])
    } else channels[Math.max(from.column, to.column)]?.push(link)
  }
  const stackBelow = (id: string): Stacked[] => stack(between.get(id) ?? [])

  const widthOf = (column: readonly string[]): number =>
    Math.max(
      ...column.map((id) => {
        const reach = stackBelow(id).flatMap(({ label }) => [-label.x, label.x + label.width])
        return Math.max(nodes.get(id)?.width ?? 0, 2 * Math.max(0, ...reach))
      }),
    )
  const gapBelow = (id: string): number => {
    const labels = stackBelow(id).map(({ label }) => label.height)
    return labels.length === 0 ? boxGap : Math.max(...labels) + arrow + 4
  }

  const boxes = new Map<string, Rectangle>()
  const boxOf = (id: string): Rectangle => boxes.get(id) ?? { x: 0, y: 0, width: 0, height: 0 }
  const channelled = (column: number): Channelled[] =>
    (channels[column] ?? []).map((link) => {
      const endAt = (id: string): Channelled['from'] => ({
        box: boxOf(id),
        side: placeOf(id).column < column ? 'left' : 'right',
      })
      return { link, from: endAt(link.from), to: endAt(link.to) }
    })

  const routes = new Map<string, Route>()
  let x = padding
  ids.forEach((column, index) => {
    const left = x
    const lines = channelled(index)
    if (index > 0 || lines.length > 0) x += tracksWidth(lines) + labelsWidth(lines)
    const width = widthOf(column)
    // What the root says of itself stands above its first column.
    let y = index === 0 ? root.height + 6 : padding
    for (const id of column) {
      const { width: own = 0, height = 0, isInitial = false } = nodes.get(id) ?? {}
      if (isInitial) y += startAbove
      boxes.set(id, { x: x + (width - own) / 2, y, width: own, height })
      y += height + gapBelow(id)
    }
    for (const [id, route] of lines.length > 0 ? routeChannel(channelled(index), left) : [])
      routes.set(id, route)
    x += width
  })

  for (const upper of between.keys()) {
    const { x: left, y, width, height } = boxOf(upper)
    const [centre, top] = [left + width / 2, y + height]
    for (const { link, x: offset, label } of stackBelow(upper)) {
      const bottom = boxOf(link.from === upper ? link.to : link.from).y
      const ends = [top, bottom].map((end) => ({ x: centre + offset, y: end }))
      routes.set(link.id, {
        points: link.from === upper ? ends : ends.reverse(),
        label:
          link.lines.length > 0
            ? { ...label, x: centre + label.x, y: top + (bottom - top - label.height) / 2 }
            : undefined,
      })
    }
  }

  const whole = {
    width: Math.max(x + padding, root.width),
    height: Math.max(...[...boxes.values()].map(({ y, height }) => y + height)) + padding,
  }
  return {
    ...whole,
    node: (id) => (id === root.id ? { x: 0, y: 0, ...whole } : boxOf(id)),
    link: (id) => routes.get(id) ?? { points: [], label: undefined },
  }
}
