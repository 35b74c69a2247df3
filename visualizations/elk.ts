import ELK, { type ElkExtendedEdge, type ElkNode } from 'elkjs/lib/elk.bundled.js'
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

const options = {
  'elk.algorithm': 'layered',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.direction': 'DOWN',
  'elk.spacing.nodeNode': '22',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeLabel': '3',
  'elk.spacing.labelNode': '6',
  'elk.layered.spacing.nodeNodeBetweenLayers': '22',
  'elk.layered.spacing.edgeNodeBetweenLayers': '13',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '11',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.cycleBreaking.strategy': 'DEPTH_FIRST',
  'elk.edgeLabels.placement': 'CENTER',
  'elk.randomSeed': '1',
}

const elk = new ELK.default()

const sizeOfLines = (lines: readonly string[]): { width: number; height: number } => ({
  width: Math.ceil(Math.max(...lines.map((line) => line.length)) * metrics.textAdvance) + 8,
  height: lines.length * metrics.labelLine + 3,
})

const elkNode = ({ id, width, height, children, isAlone }: Node): ElkNode => {
  if (children.length === 0) {
    const layoutOptions = { 'elk.layered.layering.layerConstraint': isAlone ? 'LAST' : 'NONE' }
    return { id, width, height, layoutOptions }
  }
  return {
    id,
    children: children.map(elkNode),
    layoutOptions: {
      ...options,
      'elk.padding': `[top=${height + 6},left=16,bottom=16,right=16]`,
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

/** Layered, orthogonal, the same result on each run. Coordinates are those of the whole. */
export async function layOut(root: Node, links: readonly Link[]): Promise<Placement> {
  const graph: ElkNode = {
    id: '#whole',
    layoutOptions: {
      ...options,
      'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
      'elk.padding': '[top=0,left=0,bottom=0,right=0]',
      'elk.json.shapeCoords': 'ROOT',
      'elk.json.edgeCoords': 'ROOT',
    },
    children: [elkNode(root)],
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

  return {
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
}
