import { type Link, sizeOfLines } from './elk.ts'
import type { Point, Rectangle } from './picture.ts'

/** How a line runs, and where its label stands. */
export interface Route {
  readonly points: readonly Point[]
  readonly label: Rectangle | undefined
}

/** Where a line begins or ends at a channel: at a box to its left or to its right. */
interface End {
  readonly box: Rectangle
  readonly side: 'left' | 'right'
}

/** A line that runs in a channel between two columns. */
export interface Channelled {
  readonly link: Link
  readonly from: End
  readonly to: End
}

const trackGap = 9
const portGap = 12
const labelGap = 5
/** Room for the head of an arrow. */
export const arrow = 10

/** From left to right: the lines' vertical parts, each on a track of its own, and their labels. */
export const tracksWidth = (lines: readonly Channelled[]): number => (lines.length + 1) * trackGap
export const labelsWidth = (lines: readonly Channelled[]): number =>
  Math.max(
    portGap,
    ...lines.map(({ link }) => (link.lines.length > 0 ? sizeOfLines(link.lines).width + arrow : 0)),
  )

const middle = ({ y, height }: Rectangle): number => y + height / 2
const edgeOf = ({ box, side }: End): number => (side === 'left' ? box.x + box.width : box.x)
const meet = (a: Rectangle, b: Rectangle): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

/** The end beside which a label stands: the right one; of two on the right, where the line begins. */
const labelled = ({ from, to }: Channelled): End => (from.side === 'right' ? from : to)

function permutations<Value>(values: readonly Value[]): Value[][] {
  if (values.length <= 1) return [[...values]]
  return values.flatMap((value, index) =>
    permutations(values.filter((_, at) => at !== index)).map((rest) => [value, ...rest]),
  )
}

/** Heights of the ends: spaced along each side of each box, in the order of where they lead. */
function heightsOf(lines: readonly Channelled[]): Map<End, number> {
  const sides = new Map<string, { end: End; other: number; room: number; hasLabel: boolean }[]>()
  for (const line of lines)
    for (const [end, other] of [
      [line.from, line.to],
      [line.to, line.from],
    ] as const) {
      const { box, side } = end
      const hasLabel = labelled(line) === end && line.link.lines.length > 0
      const room = hasLabel ? sizeOfLines(line.link.lines).height + labelGap : portGap
      const key = `${box.x} ${box.y} ${side}`
      sides.set(key, [...(sides.get(key) ?? []), { end, other: middle(other.box), room, hasLabel }])
    }
  const heights = new Map<End, number>()
  for (const ends of sides.values()) {
    const [first] = ends
    if (!first) continue
    const { box } = first.end
    const wanted = ends.reduce((sum, { room }) => sum + room, 0)
    const scale = Math.min(1, (box.height - 8) / wanted)
    // Beside a low box, lines without a label come first: one label has room below it.
    const isLow = scale < 0.5
    ends.sort((a, b) => (isLow ? Number(a.hasLabel) - Number(b.hasLabel) : 0) || a.other - b.other)
    let y = middle(box) - (wanted * scale) / 2
    for (const { end, room } of ends) {
      heights.set(end, Math.min(Math.max(y + (room * scale) / 2, box.y + 6), box.y + box.height - 6))
      y += room * scale
    }
  }
  return heights
}

/** Routes the lines of one channel; `left` is where it begins. Tracks are ordered so that lines cross as little as may be. */
export function routeChannel(lines: readonly Channelled[], left: number): Map<string, Route> {
  const heights = heightsOf(lines)
  const yOf = (end: End): number => heights.get(end) ?? middle(end.box)

  const crossings = (order: readonly Channelled[]): number => {
    let count = 0
    order.forEach(({ from, to }, track) => {
      const [top, bottom] = [Math.min(yOf(from), yOf(to)), Math.max(yOf(from), yOf(to))]
      order.forEach((other, otherTrack) => {
        if (track === otherTrack) return
        for (const end of [other.from, other.to]) {
          const passes = end.side === 'left' ? otherTrack > track : otherTrack < track
          if (passes && yOf(end) > top && yOf(end) < bottom) count += 1
        }
      })
    })
    return count
  }
  const order = permutations(lines).reduce((best, one) => (crossings(one) < crossings(best) ? one : best))

  const [labelsFrom, labelsRoom] = [left + tracksWidth(lines), labelsWidth(lines) - arrow]
  const passing = lines.flatMap(({ from, to }) => [from, to].filter(({ side }) => side === 'right').map(yOf))
  const labels: Rectangle[] = []
  /** Above the line or, where something is in the way, below it. */
  const labelOf = ({ lines: text }: Link, y: number): Rectangle => {
    const size = sizeOfLines(text)
    const at = (top: number): Rectangle => ({
      x: labelsFrom + (labelsRoom - size.width) / 2,
      y: top,
      ...size,
    })
    const isFree = (label: Rectangle): boolean =>
      labels.every((other) => !meet(other, label)) &&
      passing.every((line) => line === y || line <= label.y || line >= label.y + label.height)
    const above = at(y - size.height - 1)
    const label = [above, at(y + 2)].find(isFree) ?? above
    labels.push(label)
    return label
  }

  const routes = new Map<string, Route>()
  for (const line of [...order].sort((a, b) => yOf(labelled(a)) - yOf(labelled(b)))) {
    const { link, from, to } = line
    const x = left + (order.indexOf(line) + 1) * trackGap
    const [begin, end] = [
      { x: edgeOf(from), y: yOf(from) },
      { x: edgeOf(to), y: yOf(to) },
    ]
    const isStraight = Math.abs(begin.y - end.y) < 1
    routes.set(link.id, {
      points: isStraight ? [begin, end] : [begin, { x, y: begin.y }, { x, y: end.y }, end],
      label: link.lines.length > 0 ? labelOf(link, yOf(labelled(line))) : undefined,
    })
  }
  return routes
}
