import { type MetricItem, metricItem } from './item.ts'

/** Items as JSON. What became of their parts goes with them; a final failure is another client's to find again. */
export const packItems = (items: readonly MetricItem[]): Uint8Array =>
  Buffer.from(JSON.stringify(items.map(({ fate: _fate, judge: _judge, bytes: _bytes, ...rest }) => rest)))

/** The items that were packed. */
export const unpackItems = (packed: Buffer): readonly MetricItem[] =>
  (JSON.parse(packed.toString()) as readonly MetricItem[]).map(
    ({ tags, timestamp, interval, series, distribution, weight, arrived }) =>
      Object.assign(metricItem({ tags, timestamp, interval, series, distribution, weight }), { arrived }),
  )
