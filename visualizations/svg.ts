import { type BoxRow, metrics } from './box.ts'
import { labelOf } from './chart.ts'
import type { Picture, PlacedEdge, PlacedStart, PlacedState, Point } from './picture.ts'
import { stylesheet } from './theme.ts'

const cornerRadius = 6

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** Two decimals are finer than any screen, and the same everywhere. */
const px = (value: number): string => String(Math.round(value * 100) / 100)

const icons: Record<BoxRow['kind'], string> = {
  runs: 'M1.5 -8v7l6 -3.5z',
  handles: 'M8 -5.2a3.3 3.3 0 1 1 -1.2 -2.4M7.2 -10v2.6h-2.6',
  enters: 'M0.5 -4.5h7M5 -7.2l2.7 2.7l-2.7 2.7',
  does: 'M1.5 -6.5h5v5h-5z',
}

function rowSvg({ kind, lines, detail }: BoxRow, x: number, y: number): string {
  const title = detail ? `<title>${escaped(detail)}</title>` : ''
  const texts = lines.map(
    (line, index) =>
      `<text class="row" x="${px(x + metrics.iconWidth)}" y="${px(y + index * metrics.lineHeight)}">${escaped(line)}</text>`,
  )
  return `<g class="${kind}">${title}<path class="icon" transform="translate(${px(x)} ${px(y)})" d="${icons[kind]}"/>${texts.join('')}</g>`
}

const titleOf = ({ id, entry, exit }: PlacedState['state']): string =>
  [
    id,
    ...(entry.actions.length > 0 ? [`entry: ${entry.actions.join(', ')}`] : []),
    ...(exit.actions.length > 0 ? [`exit: ${exit.actions.join(', ')}`] : []),
  ].join('\n')

function classesOf({ state, depth, isRegion }: PlacedState): string {
  const isLeaf = state.states.length === 0
  return [
    'state',
    isLeaf ? 'leaf' : 'frame',
    ...(depth === 0 ? ['root'] : []),
    ...(!isLeaf && depth > 0 && depth % 2 === 0 ? ['odd'] : []),
    ...(isRegion ? ['region'] : []),
    ...(state.type === 'final' ? ['final'] : []),
  ].join(' ')
}

function stateSvg(placed: PlacedState): string {
  const { state, rows, x, y, width, height, depth } = placed
  const radius = depth === 0 ? 12 : 8
  const isCentred = state.states.length === 0 && rows.length === 0
  const nameX = isCentred ? x + width / 2 : x + metrics.paddingX
  const parts = [
    `<title>${escaped(titleOf(state))}</title>`,
    `<rect class="box" x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}" rx="${radius}"/>`,
  ]
  if (state.type === 'final')
    parts.push(
      `<rect class="inner" x="${px(x + 3)}" y="${px(y + 3)}" width="${px(width - 6)}" height="${px(height - 6)}" rx="${radius - 3}"/>`,
    )
  parts.push(
    `<text class="name" x="${px(nameX)}" y="${px(y + (depth === 0 ? 22 : 18))}"${isCentred ? ' text-anchor="middle"' : ''}>${escaped(state.key === '' ? state.id : state.key)}</text>`,
  )
  let baseline = y + metrics.headerHeight + (depth === 0 ? 12 : 8)
  for (const row of rows) {
    parts.push(rowSvg(row, x + metrics.paddingX, baseline))
    baseline += row.lines.length * metrics.lineHeight
  }
  return `<g class="${classesOf(placed)}" data-state="${escaped(state.id)}">${parts.join('')}</g>`
}

/** A line through the points with its corners rounded. */
function pathOf(points: readonly Point[]): string {
  const [first, ...rest] = points
  if (!first) return ''
  const parts = [`M${px(first.x)} ${px(first.y)}`]
  let before = first
  rest.forEach((point, index) => {
    const next = rest[index + 1]
    if (!next) {
      parts.push(`L${px(point.x)} ${px(point.y)}`)
      return
    }
    const toward = (other: Point): Point => {
      const length = Math.hypot(other.x - point.x, other.y - point.y)
      const part = length === 0 ? 0 : Math.min(cornerRadius, length / 2) / length
      return { x: point.x + (other.x - point.x) * part, y: point.y + (other.y - point.y) * part }
    }
    const [enter, leave] = [toward(before), toward(next)]
    parts.push(`L${px(enter.x)} ${px(enter.y)}Q${px(point.x)} ${px(point.y)} ${px(leave.x)} ${px(leave.y)}`)
    before = point
  })
  return parts.join('')
}

function edgeSvg({ edge, points, isRepeated }: PlacedEdge, arrow: string): string {
  const title = edge.steps
    .map((step) => [labelOf(step), ...step.actions].filter(Boolean).join(' / '))
    .join('\n')
  return `<path class="edge${isRepeated ? ' same' : ''}" data-from="${escaped(edge.from)}" data-to="${escaped(edge.to)}" d="${pathOf(points)}" marker-end="url(#${arrow})"><title>${escaped(title)}</title></path>`
}

function labelSvg({ lines, label }: PlacedEdge): string {
  if (!label) return ''
  const texts = lines.map((line, index) => {
    const y = label.y + 11 + index * metrics.labelLine
    const guard = line.indexOf('[')
    const text =
      guard < 0
        ? escaped(line)
        : `${escaped(line.slice(0, guard))}<tspan class="guard">${escaped(line.slice(guard))}</tspan>`
    return `<text x="${px(label.x + label.width / 2)}" y="${px(y)}" text-anchor="middle">${text}</text>`
  })
  const { x, y, width, height } = label
  return `<g class="label" data-box="${[x, y, width, height].map(px).join(' ')}">${texts.join('')}</g>`
}

function startSvg({ dot, points }: PlacedStart, arrow: string): string {
  const radius = dot.width / 2
  return `<circle class="dot" cx="${px(dot.x + radius)}" cy="${px(dot.y + radius)}" r="${px(radius)}"/><path class="edge" d="${pathOf(points)}" marker-end="url(#${arrow})"/>`
}

/** A picture as one self-contained SVG: no script, no font, nothing to load. */
export function svgOf(name: string, { width, height, states, edges, starts }: Picture): string {
  const arrow = `${name}-arrow`
  const margin = 8
  const box = `${-margin} ${-margin} ${px(width + 2 * margin)} ${px(height + 2 * margin)}`
  const frames = states.filter(({ state }) => state.states.length > 0)
  const leaves = states.filter(({ state }) => state.states.length === 0)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" data-machine="${name}" viewBox="${box}" width="${px(width + 2 * margin)}" height="${px(height + 2 * margin)}" role="img" aria-label="Statechart of the ${name} machine">`,
    `<style>${stylesheet}</style>`,
    `<defs><marker id="${arrow}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"><path class="tip" d="M0 0.8L8 4L0 7.2z"/></marker></defs>`,
    ...frames.map(stateSvg),
    ...starts.map((start) => startSvg(start, arrow)),
    ...edges.map((edge) => edgeSvg(edge, arrow)),
    ...leaves.map(stateSvg),
    ...edges.map(labelSvg).filter(Boolean),
    '</svg>',
    '',
  ].join('\n')
}
