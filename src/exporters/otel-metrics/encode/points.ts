import { writeAttributes } from '../../otel/encode/any-value.ts'
import { writeSpanId, writeTime, writeTraceId } from '../../otel/encode/fields.ts'
import {
  closeMessage,
  createWriter,
  ensure,
  openMessage,
  type ProtobufWriter,
  varintSize,
  writeByte,
  writeDouble,
  writeFixed64,
  writeUint32,
} from '../../otel/encode/protobuf-writer.ts'
import type { ExponentialBuckets } from '../aggregate/exponential.ts'
import type { MetricSeries } from '../aggregate/series.ts'
import { attributesIn } from '../names.ts'

/** Data points as fields of their metric (opentelemetry-proto v1). Times are epoch milliseconds. */

// Tags: field number << 3 | wire type (0 varint, 1 fixed64, 2 length-delimited).
const dataPoints = 0x0a
const numberAttributes = 0x3a
const histogramAttributes = 0x4a
const exponentialAttributes = 0x0a

const word = 2 ** 32
/** A fixed64 or a double with its tag. */
const wide = 9

export type WritePoint = (writer: ProtobufWriter, series: MetricSeries, start: number, time: number) => void

/** Tag and length of the field `exemplars`, and an Exemplar: time, value, span id, trace id. */
const exemplarHead = 2
const exemplarBytes = 2 * wide + 10 + 18

const exemplarsSize = ({ exemplars }: MetricSeries): number =>
  exemplars === undefined
    ? 0
    : exemplars.kept.reduce((size, one) => (one ? size + exemplarHead + exemplarBytes : size), 0)

/** Needs room for {@link exemplarsSize}. Their times are within those of the point. */
function writeExemplars(
  writer: ProtobufWriter,
  tag: number,
  { exemplars }: MetricSeries,
  start: number,
  end: number,
): void {
  for (const exemplar of exemplars?.kept ?? []) {
    if (exemplar === undefined) continue
    const { value, time, spanHigh, spanLow } = exemplar
    writeByte(writer, tag)
    writeByte(writer, exemplarBytes)
    writeTime(writer, 0x11, time > start ? Math.min(time, end) : start)
    writeDoubleField(writer, 0x19, value)
    writeSpanId(writer, 0x22, spanHigh, spanLow)
    writeTraceId(writer, 0x2a, exemplar)
  }
}

/** A NumberDataPoint; its value is a double, as that of an SDK's instruments by default. */
export const writeNumberPoint: WritePoint = (writer, series, start, time) => {
  const attributes = attributesOf(series, numberAttributes)
  open(writer, 3 * wide + exemplarsSize(series) + attributes.length)
  writeTime(writer, 0x11, start)
  writeTime(writer, 0x19, time)
  writeDoubleField(writer, 0x21, series.value)
  writeExemplars(writer, 0x2a, series, start, time)
  put(writer, attributes)
}

/** A HistogramDataPoint. */
export const writeHistogramPoint: WritePoint = (writer, series, start, time) => {
  const attributes = attributesOf(series, histogramAttributes)
  const { counts, bounds } = series
  const [countBytes, boundBytes] = [8 * counts.length, 8 * bounds.length]
  const boundsField = boundBytes === 0 ? 0 : 1 + varintSize(boundBytes) + boundBytes
  const buckets = 1 + varintSize(countBytes) + countBytes + boundsField
  open(writer, 6 * wide + buckets + exemplarsSize(series) + attributes.length)
  writeTime(writer, 0x11, start)
  writeTime(writer, 0x19, time)
  writeCount(writer, 0x21, series.count)
  writeDoubleField(writer, 0x29, series.value)
  writeByte(writer, 0x32)
  writeUint32(writer, countBytes)
  for (const count of counts) writeWhole(writer, count)
  if (boundsField > 0) {
    writeByte(writer, 0x3a)
    writeUint32(writer, boundBytes)
    for (const bound of bounds) writeDouble(writer, bound)
  }
  writeExemplars(writer, 0x42, series, start, time)
  put(writer, attributes)
  writeDoubleField(writer, 0x59, series.min)
  writeDoubleField(writer, 0x61, series.max)
}

/** An ExponentialHistogramDataPoint. Without values other than 0 its scale says nothing, and is 0. */
export const writeExponentialPoint: WritePoint = (writer, series, start, time) => {
  const attributes = attributesOf(series, exponentialAttributes)
  const buckets = series.exponential!
  const scale = buckets.zeroCount === series.count ? 0 : buckets.scale
  ensure(writer, 1)
  writeByte(writer, dataPoints)
  const point = openMessage(writer, 2)
  ensure(writer, attributes.length + 4 * wide + 6)
  put(writer, attributes)
  writeTime(writer, 0x11, start)
  writeTime(writer, 0x19, time)
  writeCount(writer, 0x21, series.count)
  writeDoubleField(writer, 0x29, series.value)
  if (scale !== 0) writeSigned(writer, 0x30, scale)
  ensure(writer, wide)
  writeCount(writer, 0x39, buckets.zeroCount)
  writeBuckets(writer, buckets)
  ensure(writer, 2 + 2 * wide)
  // Values are never negative: that side is empty.
  writeByte(writer, 0x4a)
  writeByte(writer, 0)
  ensure(writer, exemplarsSize(series) + 2 * wide)
  writeExemplars(writer, 0x5a, series, start, time)
  writeDoubleField(writer, 0x61, series.min)
  writeDoubleField(writer, 0x69, series.max)
  closeMessage(writer, point, 2)
}

function writeBuckets(writer: ProtobufWriter, { offset, counts }: ExponentialBuckets): void {
  ensure(writer, 8)
  writeByte(writer, 0x42)
  const start = openMessage(writer, 2)
  if (offset !== 0) writeSigned(writer, 0x08, offset)
  if (counts.length > 0) {
    ensure(writer, 4)
    writeByte(writer, 0x12)
    const packed = openMessage(writer, 2)
    ensure(writer, 10 * counts.length)
    for (const count of counts) writeVarint(writer, count)
    closeMessage(writer, packed, 2)
  }
  closeMessage(writer, start, 2)
}

/** Opens a point of exactly this size, with room for it. */
function open(writer: ProtobufWriter, size: number): void {
  ensure(writer, 6 + size)
  writeByte(writer, dataPoints)
  writeUint32(writer, size)
}

const scratch = createWriter(4096)

/** They never change: encoded once, and copied from then on. */
function attributesOf(series: MetricSeries, tag: number): Uint8Array {
  if (series.attributes !== undefined) return series.attributes
  scratch.at = 0
  writeAttributes(scratch, tag, attributesIn(series.text))
  series.attributes = Uint8Array.prototype.slice.call(scratch.bytes, 0, scratch.at)
  return series.attributes
}

function put(writer: ProtobufWriter, bytes: Uint8Array): void {
  writer.bytes.set(bytes, writer.at)
  writer.at += bytes.length
}

function writeDoubleField(writer: ProtobufWriter, tag: number, value: number): void {
  writeByte(writer, tag)
  writeDouble(writer, value)
}

function writeCount(writer: ProtobufWriter, tag: number, count: number): void {
  writeByte(writer, tag)
  writeWhole(writer, count)
}

/** A whole number below 2 ** 53 as fixed64. */
function writeWhole(writer: ProtobufWriter, value: number): void {
  const high = Math.floor(value / word)
  writeFixed64(writer, high, value - high * word)
}

/** A sint32, zigzag. Makes its own room. */
function writeSigned(writer: ProtobufWriter, tag: number, value: number): void {
  ensure(writer, 6)
  writeByte(writer, tag)
  writeUint32(writer, ((value << 1) ^ (value >> 31)) >>> 0)
}

/** A whole number below 2 ** 53. */
function writeVarint(writer: ProtobufWriter, value: number): void {
  let rest = value
  for (; rest >= word; rest = Math.floor(rest / 128)) writeByte(writer, (rest % 128) | 0x80)
  writeUint32(writer, rest)
}
