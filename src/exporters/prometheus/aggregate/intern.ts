import type { TelemetryEvent } from '../../../bus/event.ts'
import { ownCopy } from '../../../bus/own-copy.ts'
import { type Branches, valuesOf } from '../../branches.ts'
import type { LabelSet } from '../names.ts'
import { labelName, labelSet } from '../names.ts'
import type { HistogramSeries, NumberSeries } from './families.ts'

/**
 * Finds the series of an event without building its label set: a tree whose edges are the metadata's keys and
 * values as emitted. Only label sets that have a series of their own are in it, so it is bounded as they are.
 */

/** The series one event's labels lead to, as far as they were asked for. */
export interface Bound {
  counter: NumberSeries | undefined
  histogram: HistogramSeries | undefined
}

interface Node extends Branches<Node> {
  /** The value that leads here. */
  readonly edge: unknown
  bound: Bound | undefined
  /** Of `values`, the one found last: one event's labels are much like those of the one before. */
  latest: Node | undefined
}

export interface Tree {
  root: Node
  nodes: number
}

/** Which metadata is labels, and what is known not to be. */
export interface LabelRule {
  readonly allows: (key: string) => boolean
  /** Keys that `allows` refused, remembered: a bounded share of them. */
  readonly skipped: Set<string>
  /** Label names by key, remembered: a bounded share of them. */
  readonly names: Map<string, string>
}

const mostRemembered = 1024

export const labelRule = (allows: (key: string) => boolean): LabelRule => ({
  ...{ allows, skipped: new Set(), names: new Map() },
})

/** A longer value would be cut; the tree need not keep such text alive. */
const longestEdge = 1024

const node = (edge: unknown): Node => ({
  edge,
  key: undefined,
  values: undefined,
  others: undefined,
  bound: undefined,
  latest: undefined,
})

export const tree = (): Tree => ({ root: node(undefined), nodes: 1 })

export function find(
  from: Tree,
  { fields, metadataStart }: TelemetryEvent,
  skipped: ReadonlySet<string>,
): Bound | undefined {
  let at: Node | undefined = from.root
  for (let i = metadataStart; i < fields.length; i += 2) {
    const key = fields[i] as string
    const value = fields[i + 1]
    if (typeof value !== 'string' && !isLabel(value)) continue
    if (key === at.key) at = at.latest?.edge === value ? at.latest : look(at, value)
    else if (skipped.has(key)) continue
    else at = at.others?.get(key)?.get(value)
    if (at === undefined) return undefined
  }
  return at.bound
}

function look(at: Node, value: unknown): Node | undefined {
  const found = at.values!.get(value)
  if (found !== undefined) at.latest = found
  return found
}

const isLabel = (value: unknown): boolean =>
  typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))

/** The place of this event's labels; undefined when they are better not kept. `mostNodes` bounds the tree. */
export function place(
  from: Tree,
  { fields, metadataStart }: TelemetryEvent,
  rule: LabelRule,
  mostNodes: number,
): Bound | undefined {
  for (let i = metadataStart + 1; i < fields.length; i += 2) {
    const value = fields[i]
    if (typeof value === 'string' && value.length > longestEdge) return undefined
  }
  // Permuted keys and `1` beside `"1"` lead to one series by many paths: begin anew rather than grow.
  if (from.nodes + fields.length > mostNodes) {
    from.root = node(undefined)
    from.nodes = 1
  }
  let at = from.root
  for (let i = metadataStart; i < fields.length; i += 2) {
    const key = fields[i] as string
    const value = fields[i + 1]
    if ((typeof value !== 'string' && !isLabel(value)) || !rule.allows(key)) continue
    const values = valuesOf(at, key)
    let next = values.get(value)
    if (!next) {
      const edge = typeof value === 'string' ? ownCopy(value) : value
      next = node(edge)
      from.nodes++
      values.set(edge, next)
    }
    at = next
  }
  at.bound ??= { counter: undefined, histogram: undefined }
  return at.bound
}

export function labelsOf({ fields, metadataStart }: TelemetryEvent, rule: LabelRule): LabelSet {
  const pairs: [string, unknown][] = []
  for (let i = metadataStart; i < fields.length; i += 2) {
    const key = fields[i] as string
    if (rule.skipped.has(key)) continue
    if (rule.names.has(key) || rule.allows(key)) pairs.push([key, fields[i + 1]])
    else if (rule.skipped.size < mostRemembered) rule.skipped.add(key)
  }
  return labelSet(pairs, (key) => nameOf(rule, key))
}

function nameOf({ names }: LabelRule, key: string): string {
  let name = names.get(key)
  if (name === undefined) {
    name = labelName(key)
    if (names.size < mostRemembered) names.set(key, name)
  }
  return name
}
