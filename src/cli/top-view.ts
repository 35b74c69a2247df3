import type { LastError } from '../delivery/error-log.ts'
import { type ExporterView, type SystemView, severity } from './online/rates.ts'
import { cut } from './terminal/table.ts'
import { type Colour, plainText, type Terminal } from './terminal/terminal.ts'

type Look = Pick<Terminal, 'paint'> & { readonly columns: number; readonly rows: number }

interface Cell {
  readonly text: string
  readonly colour?: Colour | undefined
}

interface Column {
  readonly title: string
  readonly right?: boolean
  /** Columns with a lower number are kept when there is little room. */
  readonly rank: number
  readonly cell: (view: ExporterView) => Cell
}

const stateColours: Readonly<Record<string, Colour>> = {
  serving: 'green',
  disabled: 'dim',
  stopped: 'dim',
  failed: 'red',
  retrying: 'red',
  restarting: 'red',
}
const breakerColours: Readonly<Record<string, Colour>> = {
  open: 'red',
  forced_open: 'red',
  half_open: 'yellow',
  disabled: 'yellow',
}

/** An exporter that is pulled sends nothing by itself: it has no circuit breaker. */
const hasBreaker = ({ status }: ExporterView): boolean => Object.hasOwn(status.config, 'failure_threshold')

const breakerOf = (view: ExporterView): string => (hasBreaker(view) ? view.status.breaker : '-')

/** Which of several endpoints serves; undefined with one. */
function servingOf({ status: { endpoints } }: ExporterView): string | undefined {
  if (endpoints === undefined) return undefined
  const serving = endpoints.findIndex(({ serves }) => serves)
  return serving < 0 ? 'none' : String(serving)
}

/** Which of several endpoints serves, and whose breakers are not closed. */
function endpointsText(view: ExporterView): string {
  const { endpoints = [] } = view.status
  const serving = servingOf(view)
  const troubled = endpoints.flatMap(({ breaker }, endpoint) =>
    breaker === 'closed' ? [] : [`endpoint ${endpoint} ${breaker}`],
  )
  return [serving === 'none' ? 'no endpoint serves' : `endpoint ${serving} serves`, ...troubled].join(', ')
}

function queueCell({ queued, queueShare }: ExporterView): Cell {
  if (queueShare === undefined) return { text: '-' }
  const percent = Math.round(queueShare * 100)
  return {
    text: percent > 0 ? `${shortNumber(queued)} ${percent}%` : shortNumber(queued),
    colour: queueShare > 0.8 ? 'red' : queueShare > 0.5 ? 'yellow' : undefined,
  }
}

const columns: readonly Column[] = [
  { title: 'EXPORTER', rank: 0, cell: ({ id }) => ({ text: id, colour: 'bold' }) },
  { title: 'TYPE', rank: 7, cell: ({ status }) => ({ text: status.type }) },
  {
    title: 'STATE',
    rank: 1,
    cell: ({ status }) => ({ text: status.state, colour: stateColours[status.state] ?? 'yellow' }),
  },
  {
    title: 'BREAKER',
    rank: 2,
    cell: (view) => ({ text: breakerOf(view), colour: breakerColours[breakerOf(view)] }),
  },
  { title: 'RATE/S', right: true, rank: 3, cell: ({ rate }) => ({ text: shortNumber(rate) }) },
  { title: 'QUEUE', right: true, rank: 4, cell: queueCell },
  {
    title: 'IN FLIGHT',
    right: true,
    rank: 6,
    cell: ({ status }) => ({ text: shortNumber(status.ledger.pending.in_flight) }),
  },
  {
    title: 'DROPPED',
    right: true,
    rank: 5,
    cell: ({ dropped, lost, lossRate }) => ({
      text: shortNumber(dropped),
      colour: lossRate > 0 ? 'red' : lost > 0 ? 'yellow' : undefined,
    }),
  },
]

const gap = 2
const maxIdWidth = 24
const minTrendWidth = 8
const maxTrendWidth = 60

interface Layout {
  readonly columns: readonly { readonly column: Column; readonly width: number }[]
  readonly trendWidth: number
}

/** Chooses the columns that fit, most important first; what is left goes to the trend. */
function layoutFor(exporters: readonly ExporterView[], width: number): Layout {
  const measured = columns.map((column) => {
    const longest = Math.max(column.title.length, ...exporters.map((view) => column.cell(view).text.length))
    return { column, width: column.rank === 0 ? Math.min(longest, maxIdWidth) : longest }
  })
  let left = width
  const kept = new Set<Column>()
  for (const one of measured.toSorted((a, b) => a.column.rank - b.column.rank)) {
    const needed = one.width + (kept.size > 0 ? gap : 0)
    if (needed > left && kept.size > 0) break
    left -= needed
    kept.add(one.column)
  }
  const trendWidth = Math.min(left - gap, maxTrendWidth)
  return {
    columns: measured.filter(({ column }) => kept.has(column)),
    trendWidth: trendWidth >= minTrendWidth ? trendWidth : 0,
  }
}

const padded = (text: string, width: number, right = false): string => {
  const short = cut(text, width)
  return right ? short.padStart(width) : short.padEnd(width)
}

/** Reasons, most frequent first. */
const reasonsOf = ({ status }: ExporterView): string =>
  Object.entries(status.ledger.dropped)
    .toSorted(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${reason} ${shortNumber(count)}`)
    .join(', ')

function agoText(error: LastError, at: number): string {
  const seconds = Math.max(0, Math.round((at - error.at) / 1000))
  return seconds < 120 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`
}

function rowsOf(view: ExporterView, layout: Layout, at: number, { paint, columns: width }: Look): string[] {
  const cells = layout.columns.map(({ column, width }) => {
    const { text, colour } = column.cell(view)
    const padding = padded(text, width, column.right)
    return colour === undefined ? padding : paint(colour, padding)
  })
  const trend = sparkline(view.trend, layout.trendWidth)
  const lines = [[...cells, ...(trend === '' ? [] : [paint('cyan', trend)])].join(' '.repeat(gap))]
  const serving = servingOf(view)
  if (serving !== undefined)
    lines.push(paint(serving === '0' ? 'dim' : 'yellow', cut(`  ${endpointsText(view)}`, width)))
  const reasons = reasonsOf(view)
  if (reasons !== '') lines.push(paint(view.lost > 0 ? 'yellow' : 'dim', cut(`  dropped: ${reasons}`, width)))
  const error = view.status.lastError
  if (error !== null) {
    const text = cut(plainText(`  last error ${agoText(error, at)}: ${error.message}`), width)
    lines.push(paint(severity(view) >= 3 ? 'red' : 'dim', text))
  }
  return lines
}

/** The whole view as lines that fit into the terminal. */
export function renderTop(view: SystemView, name: string, look: Look): string[] {
  const { paint, columns: width, rows } = look
  const time = new Date(view.at).toTimeString().slice(0, 8)
  const count = `${view.exporters.length} ${view.exporters.length === 1 ? 'exporter' : 'exporters'}`
  const title = `${time}  ${name}  ${view.system}  ${count}  ${shortNumber(view.rate)} events/s`
  const layout = layoutFor(view.exporters, width)
  const heading = layout.columns.map(({ column, width }) => padded(column.title, width, column.right))
  if (layout.trendWidth > 0) heading.push('TREND')
  const lines = [paint('bold', cut(title, width)), paint('dim', cut(heading.join(' '.repeat(gap)), width))]
  let shown = 0
  for (const exporter of view.exporters) {
    const more = rowsOf(exporter, layout, view.at, look)
    // One line is left for the count of those that have no room.
    if (lines.length + more.length > rows - 1) break
    lines.push(...more)
    shown += 1
  }
  const hidden = view.exporters.length - shown
  if (hidden > 0) lines.push(paint('dim', cut(`and ${hidden} more exporters: enlarge the terminal`, width)))
  return lines
}

/** A view as lines for a file or a pipe: one for each exporter. */
export const plainLines = (view: SystemView): string[] =>
  view.exporters.map((one) => {
    const { status, id } = one
    const reasons = reasonsOf(one)
    return [
      new Date(view.at).toISOString(),
      id,
      `state=${status.state}`,
      `breaker=${breakerOf(one)}`,
      ...(status.endpoints ? [`endpoint=${servingOf(one)}`] : []),
      `rate=${one.rate.toFixed(1)}`,
      `queue=${one.queued}`,
      `in_flight=${status.ledger.pending.in_flight}`,
      `dropped=${one.dropped}`,
      ...(reasons === '' ? [] : [`(${reasons})`]),
    ].join(' ')
  })

const bars = '▁▂▃▄▅▆▇█'

/** The last values as bars of one character each, the highest one full. Nothing at all is the lowest bar. */
export function sparkline(values: readonly number[], width: number): string {
  const last = width > 0 ? values.slice(-width) : []
  const highest = Math.max(0, ...last)
  return last
    .map((value) => bars[highest === 0 ? 0 : Math.round((Math.max(0, value) / highest) * (bars.length - 1))])
    .join('')
}

const units = ['', 'k', 'M', 'G', 'T']

/** A count in at most five characters: 999, 1.2k, 120k, 3.4M. */
export function shortNumber(value: number): string {
  let [scaled, unit] = [value, 0]
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000
    unit += 1
  }
  const digits = scaled > 0 && scaled < 9.95 && (unit > 0 || !Number.isInteger(scaled)) ? 1 : 0
  return `${scaled.toFixed(digits)}${units[unit]}`
}
