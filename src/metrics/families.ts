/** The values of a metric with one set of labels; exporters add what they aggregate. */
export interface Series {
  /** The text of the labels. */
  readonly text: string
  /** The window it belongs to, always 0 where series are never handed over: see `Aggregate.window`. */
  readonly window: number
}

/** A metric: its series, by the text of their labels. */
export interface Family<S extends Series> {
  readonly name: string
  readonly series: Map<string, S>
  /** Takes what the limits leave over. */
  overflow: S | undefined
  /** Whether labels overflow whose text has at least this many bytes; -1 where that is not known. */
  readonly isFull?: (labelBytes: number) => boolean
  /** Finds or makes a series, or returns the overflow series at a limit; undefined if there is no room for that either. */
  readonly seriesOf: (text: string) => S | undefined
}

/** The limits of the series of one family, and how series are made. */
export interface Room<S extends Series, Limit> {
  /** Returns the limit that keeps the family from one more series. */
  readonly limitFor: (text: string) => Limit | undefined
  readonly make: (text: string) => S
  /** Called with the labels that first reached the limit. */
  readonly makeOverflow: (limit: Limit, text: string) => S | undefined
}

/** The overflow rule: beyond a limit one series takes the rest, so that labels are lost, but no measurement. */
export function admit<S extends Series, Limit>(
  family: Pick<Family<S>, 'series' | 'overflow'>,
  text: string,
  room: Room<S, Limit>,
): S | undefined {
  const known = family.series.get(text)
  if (known) return known
  const limit = room.limitFor(text)
  if (limit === undefined) {
    const series = room.make(text)
    family.series.set(text, series)
    return series
  }
  family.overflow ??= room.makeOverflow(limit, text)
  return family.overflow
}
