import { ownCopy } from '../../../bus/own-copy.ts'
import type { LabelRule } from '../settings.ts'
import type { HistogramSeries, NumberSeries } from './families.ts'
import { type Layout, layoutOf } from './layout.ts'
import { remember, type State } from './state.ts'

/**
 * Finds the series of an event without building its labels: per shape of metadata a tree, whose edges are the values as
 * emitted. Only label sets that have a series are in it. It is a cache: it may be forgotten at any time.
 */

/** The keys of an event's metadata, in its order. A call site has one shape, or a few. */
export interface Shape extends Layout {
  readonly keys: readonly string[]
  /** Where the values are that may be labels, counted from the start of the metadata. */
  readonly offsets: readonly number[]
  readonly root: Leaf
}

/** Where a list of values leads: the series of those labels, as far as they were asked for. */
export interface Leaf {
  /** The last of the values. */
  readonly edge: unknown
  next: Map<unknown, Leaf> | undefined
  /** Of `next`, the one found last: the labels of one event are much like those of the one before. */
  latest: Leaf | undefined
  counter: NumberSeries | undefined
  histogram: HistogramSeries | undefined
}

/** The shapes of one event's name. */
export interface Shapes {
  latest: Shape | undefined
  readonly all: Shape[]
}

const maxShapes = 32
/** A label is cut at 1 KiB; the tree must not keep longer text alive. */
const maxEdgeLength = 1024

const leaf = (edge: unknown): Leaf => ({
  edge,
  next: undefined,
  latest: undefined,
  counter: undefined,
  histogram: undefined,
})

/** What a shape, and a step in its tree, count towards the bound of the cache. */
const shapeWeight = (shape: Shape): number => 4 + shape.keys.length
const edgeWeight = (edge: unknown): number => 1 + (typeof edge === 'string' ? edge.length >> 6 : 0)

export function shapeOf(shapes: Shapes, fields: readonly unknown[], start: number, state: State): Shape {
  const { latest, all } = shapes
  if (latest !== undefined && fits(latest, fields, start)) return latest
  let shape = all.find((one) => fits(one, fields, start))
  if (!shape) {
    shape = newShape(fields, start, state.settings.rule)
    // Beyond that keys come in any order: such events are slower, and nothing is kept of them.
    if (all.length >= maxShapes) return shape
    all.push(shape)
    remember(state, shapeWeight(shape))
  }
  shapes.latest = shape
  return shape
}

function fits({ keys }: Shape, fields: readonly unknown[], start: number): boolean {
  if (fields.length - start !== keys.length * 2) return false
  for (let i = 0, at = start; i < keys.length; i++, at += 2) if (fields[at] !== keys[i]) return false
  return true
}

function newShape(fields: readonly unknown[], start: number, { nameOf }: LabelRule): Shape {
  const keys: string[] = []
  const named: { key: string; name: string; offset: number }[] = []
  for (let i = start; i < fields.length; i += 2) {
    const key = fields[i] as string
    const name = nameOf(key)
    keys.push(key)
    if (name !== undefined) named.push({ key, name, offset: i + 1 - start })
  }
  return { ...layoutOf(named), keys, offsets: named.map(({ offset }) => offset), root: leaf(undefined) }
}

/** What is no label is on no edge of its own. */
const edgeOf = (value: unknown): unknown =>
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  (typeof value === 'number' && Number.isFinite(value))
    ? value
    : undefined

export function find({ root, offsets }: Shape, fields: readonly unknown[], start: number): Leaf | undefined {
  let at = root
  for (let i = 0; i < offsets.length; i++) {
    const value = fields[start + offsets[i]!]
    const edge = typeof value === 'string' ? value : edgeOf(value)
    const { latest } = at
    if (latest !== undefined && latest.edge === edge) {
      at = latest
      continue
    }
    const found = at.next?.get(edge)
    if (found === undefined) return undefined
    at.latest = found
    at = found
  }
  return at
}

/** Makes the place of these values; undefined when they are too long to be kept. */
export function place(
  { root, offsets }: Shape,
  fields: readonly unknown[],
  start: number,
  state: State,
): Leaf | undefined {
  const edges = offsets.map((offset) => edgeOf(fields[start + offset]))
  if (edges.some((edge) => typeof edge === 'string' && edge.length > maxEdgeLength)) return undefined
  let at = root
  let weight = 0
  for (const edge of edges) {
    at.next ??= new Map()
    let next = at.next.get(edge)
    if (!next) {
      const own = typeof edge === 'string' ? ownCopy(edge) : edge
      next = leaf(own)
      at.next.set(own, next)
      weight += edgeWeight(edge)
    }
    at = next
  }
  remember(state, weight)
  return at
}
