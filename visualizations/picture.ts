import type { BoxRow } from './box.ts'
import type { ChartEdge, ChartState } from './chart.ts'

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Rectangle extends Point {
  readonly width: number
  readonly height: number
}

export interface PlacedState extends Rectangle {
  readonly state: ChartState
  readonly rows: readonly BoxRow[]
  /** 0 for the machine itself. */
  readonly depth: number
  /** One of several that are active together. */
  readonly isRegion: boolean
}

export interface PlacedEdge {
  readonly edge: ChartEdge
  readonly points: readonly Point[]
  /** One line per step that has something to say. */
  readonly lines: readonly string[]
  readonly label: Rectangle | undefined
  /** Another edge has the same line and the label for both. */
  readonly isRepeated: boolean
}

/** The dot that says where a state begins, and the way from it. */
export interface PlacedStart {
  readonly to: string
  readonly dot: Rectangle
  readonly points: readonly Point[]
}

/** What a chart looks like; a part of one has the same form, with its own origin. */
export interface Picture {
  readonly width: number
  readonly height: number
  /** Parents before children. */
  readonly states: readonly PlacedState[]
  readonly edges: readonly PlacedEdge[]
  readonly starts: readonly PlacedStart[]
}

const movedBy =
  (dx: number, dy: number) =>
  <Thing extends Point>(thing: Thing): Thing => ({ ...thing, x: thing.x + dx, y: thing.y + dy })

export function moved(picture: Picture, dx: number, dy: number): Picture {
  const move = movedBy(dx, dy)
  return {
    ...picture,
    states: picture.states.map(move),
    starts: picture.starts.map((start) => ({
      ...start,
      dot: move(start.dot),
      points: start.points.map(move),
    })),
    edges: picture.edges.map((edge) => ({
      ...edge,
      points: edge.points.map(move),
      label: edge.label && move(edge.label),
    })),
  }
}
