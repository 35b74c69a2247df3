import { writeTextField } from '../../otel/encode/fields.ts'
import {
  closeMessage,
  createWriter,
  ensure,
  openMessage,
  type ProtobufWriter,
  shrink,
  writeByte,
} from '../../otel/encode/protobuf-writer.ts'
import type { MetricFamily, MetricKind } from '../aggregate/families.ts'
import type { MetricSeries } from '../aggregate/series.ts'
import type { Collection, Piece } from '../collection.ts'
import { type WritePoint, writeExponentialPoint, writeHistogramPoint, writeNumberPoint } from './points.ts'

/** How a collection is taken. Times are epoch milliseconds. */
export interface CollectionRules {
  /** Where the window began. */
  readonly start: number
  readonly time: number
  /** About how long a piece may be: at most a part of what a request may have. */
  readonly pieceBytes: number
  /** Whether a metric is that of the window alone; the others have start times of their own. */
  readonly isWindowed: (family: MetricFamily) => boolean
}

// Tags: field number << 3 | wire type (0 varint, 2 length-delimited).
const scopeMetricsMetrics = 0x12
const metricName = 0x0a
const metricDescription = 0x12
const metricUnit = 0x1a
const aggregationTemporality = 0x10
const sumIsMonotonic = 0x18

const [delta, cumulative] = [1, 2]

interface Encoding {
  /** The field of a Metric that has its data. */
  readonly data: number
  readonly point: WritePoint
}

const encodings: Readonly<Record<MetricKind, Encoding>> = {
  gauge: { data: 0x2a, point: writeNumberPoint },
  sum: { data: 0x3a, point: writeNumberPoint },
  updown: { data: 0x3a, point: writeNumberPoint },
  histogram: { data: 0x4a, point: writeHistogramPoint },
  exponential: { data: 0x52, point: writeExponentialPoint },
}

const pieceLength = 3
const keptBuffer = 8 * 1024 * 1024

const writer = createWriter()

/** Encodes in one pass what has something to say. */
export function encodeCollection(families: readonly MetricFamily[], rules: CollectionRules): Collection {
  const pieces: Piece[] = []
  writer.at = 0
  let start = 0
  let points = 0
  const finishPiece = (): void => {
    if (points > 0) pieces.push({ start, end: writer.at, points })
    start = writer.at
    points = 0
  }
  for (const family of families) {
    const series = spoken(family)
    for (let from = 0; from < series.length; ) {
      const to = writeMetric(writer, family, series, from, rules)
      points += to - from
      from = to
      if (writer.at - start >= rules.pieceBytes) finishPiece()
    }
  }
  finishPiece()
  const bytes = Buffer.allocUnsafeSlow(writer.at)
  writer.bytes.copy(bytes, 0, 0, writer.at)
  shrink(writer, keptBuffer)
  return { bytes, pieces }
}

/** The series that have a value; in windows those that have one of this window. */
const spoken = ({ series, overflow }: MetricFamily): readonly MetricSeries[] =>
  [...series.values(), ...(overflow ? [overflow] : [])].filter(({ touched }) => touched)

/** Writes a metric with as many of these series as a piece may have, from `from` on; returns where it ended. */
function writeMetric(
  into: ProtobufWriter,
  family: MetricFamily,
  series: readonly MetricSeries[],
  from: number,
  { start, time, pieceBytes, isWindowed }: CollectionRules,
): number {
  const { name, description, unit, kind } = family
  const windowed = isWindowed(family)
  const { data, point } = encodings[kind]
  const begun = into.at
  const prefix = series.length - from === 1 ? 2 : pieceLength
  ensure(into, 1)
  writeByte(into, scopeMetricsMetrics)
  const metric = openMessage(into, prefix)
  writeTextField(into, metricName, name)
  writeTextField(into, metricDescription, description)
  writeTextField(into, metricUnit, unit)
  ensure(into, 1)
  writeByte(into, data)
  const message = openMessage(into, prefix)
  let at = from
  do {
    const one = series[at++]!
    point(into, one, windowed ? start : one.start, time)
  } while (at < series.length && into.at - begun < pieceBytes)
  ensure(into, 4)
  if (kind !== 'gauge') {
    writeByte(into, aggregationTemporality)
    writeByte(into, windowed ? delta : cumulative)
  }
  if (kind === 'sum') {
    writeByte(into, sumIsMonotonic)
    writeByte(into, 1)
  }
  closeMessage(into, message, prefix)
  closeMessage(into, metric, prefix)
  return at
}
