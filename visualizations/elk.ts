import ELK, { type ElkExtendedEdge, type ElkLabel, type ElkNode } from 'elkjs/lib/elk.bundled.js'
import { metrics } from './box.ts'
import type { Point, Rectangle } from './picture.ts'

/** A box to place: with inner boxes it grows around them, below its `height`. */
export interface Node {
  readonly id: string
  readonly width: number
  readonly height: number
  readonly children: readonly Node[]
  /** Nothing leads to or from it: it stands below the others. */
  readonly isAlone?: boolean
  /** Room to its left for the dot of what begins there. */
  readonly isInitial?: boolean
}

export interface Link {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly lines: readonly string[]
}

export interface Placement {
  readonly width: number
  readonly height: number
  node(id: string): Rectangle
  link(id: string): { readonly points: readonly Point[]; readonly label: Rectangle | undefined }
}

/** Room for the dot of a start, and its arrow. */
export const startRoom = { width: 21, height: 9 } as const

export type Direction = 'DOWN' | 'RIGHT'

const options = {
  'elk.algorithm': 'layered',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.spacing.nodeNode': '16',
  'elk.spacing.edgeNode': '12',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeLabel': '3',
  'elk.spacing.labelNode': '6',
  'elk.layered.spacing.nodeNodeBetweenLayers': '16',
  'elk.layered.spacing.edgeNodeBetweenLayers': '10',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '11',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.cycleBreaking.strategy': 'DEPTH_FIRST',
  'elk.edgeLabels.placement': 'CENTER',
  'elk.randomSeed': '1',
}

const elk = new ELK.default()

export const sizeOfLines = (lines: readonly string[]): { width: number; height: number } => ({
  width: Math.ceil(Math.max(...lines.map((line) => line.length)) * metrics.textAdvance) + 8,
  height: lines.length * metrics.labelLine + 3,
})

/** A label of the node that is not drawn keeps the room free. */
const startLabel = (id: string): ElkLabel => ({
  id: `start of ${id}`,
  text: '',
  ...startRoom,
  layoutOptions: { 'elk.nodeLabels.placement': '[OUTSIDE, H_LEFT, V_CENTER]' },
})

const elkNode = (
  { id, width, height, children, isAlone, isInitial }: Node,
  direction: Direction,
  tight: ReadonlySet<string>,
): ElkNode => {
  const labels = isInitial ? [startLabel(id)] : []
  if (children.length === 0) {
    const layoutOptions = { 'elk.layered.layering.layerConstraint': isAlone ? 'LAST' : 'NONE' }
    return { id, width, height, labels, layoutOptions }
  }
  return {
    id,
    labels,
    children: children.map((child) => elkNode(child, direction, tight)),
    layoutOptions: {
      ...options,
      'elk.direction': direction,
      'elk.padding': `[top=${height + 6},left=${tight.has(id) ? startRoom.width + 4 : 10},bottom=10,right=10]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width},${height})`,
    },
  }
}

const elkEdge = ({ id, from, to, lines }: Link): ElkExtendedEdge => ({
  id,
  sources: [from],
  targets: [to],
  labels: lines.length > 0 ? [{ id: `label of ${id}`, text: lines.join('\n'), ...sizeOfLines(lines) }] : [],
})

/** Frames whose start is at their left border: ELK keeps labels clear of other nodes, but not of the frame around. */
function tightFrames(root: Node, placed: ReadonlyMap<string, ElkNode>): string[] {
  const isTight = root.children.some(
    ({ id, isInitial }) =>
      isInitial && (placed.get(id)?.x ?? 0) - (placed.get(root.id)?.x ?? 0) < startRoom.width + 4,
  )
  return [...(isTight ? [root.id] : []), ...root.children.flatMap((child) => tightFrames(child, placed))]
}

/** Layered, orthogonal, the same result on each run. Coordinates are those of the whole. */
export async function layOut(root: Node, links: readonly Link[], direction: Direction): Promise<Placement> {
  let tight: ReadonlySet<string> = new Set()
  for (;;) {
    const placed = await layOutOnce(root, links, direction, tight)
    const found = tightFrames(root, placed.nodes).filter((id) => !tight.has(id))
    if (found.length === 0) return placed.placement
    tight = new Set([...tight, ...found])
  }
}

async function layOutOnce(
  root: Node,
  links: readonly Link[],
  direction: Direction,
  tight: ReadonlySet<string>,
): Promise<{ nodes: ReadonlyMap<string, ElkNode>; placement: Placement }> {
  const graph: ElkNode = {
    id: '#whole',
    layoutOptions: {
      ...options,
      'elk.direction': direction,
      'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
      'elk.padding': '[top=0,left=0,bottom=0,right=0]',
      'elk.json.shapeCoords': 'ROOT',
      'elk.json.edgeCoords': 'ROOT',
    },
    children: [elkNode(root, direction, tight)],
    edges: links.map(elkEdge),
  }
  const placed: ElkNode & { edges?: ElkExtendedEdge[] } = await elk.layout(graph)

  const nodes = new Map<string, ElkNode>()
  const collect = (node: ElkNode): void => {
    nodes.set(node.id, node)
    node.children?.forEach(collect)
  }
  collect(placed)
  const edges = new Map(placed.edges?.map((edge) => [edge.id, edge]))
  const rectangleOf = ({ x = 0, y = 0, width = 0, height = 0 }: Partial<Rectangle>): Rectangle => ({
    x,
    y,
    width,
    height,
  })

  const placement: Placement = {
    width: placed.width ?? 0,
    height: placed.height ?? 0,
    node: (id) => rectangleOf(nodes.get(id) ?? {}),
    link(id) {
      const edge = edges.get(id)
      const [section] = edge?.sections ?? []
      const [label] = edge?.labels ?? []
      return {
        points: section ? [section.startPoint, ...(section.bendPoints ?? []), section.endPoint] : [],
        label: label && rectangleOf(label),
      }
    },
  }
  return { nodes, placement }
}
