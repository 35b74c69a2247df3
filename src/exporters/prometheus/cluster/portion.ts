import type { GaugeRule } from '../../../metrics/declared.ts'

/** How the values of several reporters become one; without a rule they are sums, which only grow. */
export type Rule = GaugeRule | 'first' | 'average'

/** The changes in one family: a part of a report. Plain JSON. */
export interface Portion {
  readonly name: string
  readonly base: string
  readonly type: string
  /** Empty once the group has it. */
  readonly help: string
  /** Upper bounds of a histogram of ours, without +Inf. */
  readonly buckets?: readonly number[]
  readonly rule?: Rule
  /** Not aggregated by us: the text of a series then begins with what follows the family's name, before a brace. */
  readonly plain?: true
  readonly series: Change[]
}

/**
 * The text of a series' labels, and its numbers: what is to be added, in a histogram the sum and then each bucket; of a
 * gauge the value, and with the rule `last` its time.
 */
export type Change = readonly [text: string, ...numbers: number[]]

/** How many series are in one part of a report: the event loops of both ends go on between two of them. */
export const maxSeriesPerReport = 256

/** JSON has no infinite numbers. */
export const numberIn = (value: unknown): number => (value === null ? Number.NaN : Number(value))
