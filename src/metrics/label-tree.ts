import type { TelemetryEvent } from '../bus/event.ts'
import { ownCopy } from '../bus/own-copy.ts'
import type { LabelRule, Layout, NamedKey } from './labels.ts'
import { type PlanCache, remember } from './plan-cache.ts'

/**
 * Finds the series of an event without building its labels: per shape of metadata a tree, whose edges are the values as
 * emitted. Only label sets that have a series are in it. It is a cache: it may be forgotten at any time.
 */

/** The keys of an event's metadata, in its order. A call site has one shape, or a few. */
export interface Shape<S> {
  readonly keys: readonly string[]
  readonly layout: Layout
  /** Where the values are that may be labels, counted from the start of the metadata. */
  readonly offsets: readonly number[]
  /** How long the names of their labels are. */
  readonly nameLengths: readonly number[]
  /** The type of the values of each label in the tree; undefined where different values may read the same. */
  readonly types: (string | undefined)[]
  readonly root: Leaf<S>
  /** How many series have a place in the tree. */
  readonly placed: { count: number; duration: number }
}

/** Where a list of values leads: the series of those labels, as far as they were asked for. */
export interface Leaf<S> {
  next: Map<unknown, Leaf<S>> | undefined
  count: S | undefined
  duration: S | undefined
}

const maxShapes = 32
/** A label is cut at 1 KiB; the tree must not keep longer text alive. */
const maxEdgeLength = 1024

const newLeaf = <S>(): Leaf<S> => ({ next: undefined, count: undefined, duration: undefined })

/** The shape of this metadata, of those of its event's name. It is in front from now on. */
export function shapeOf<S>(
  shapes: Shape<S>[],
  event: TelemetryEvent,
  state: PlanCache & { readonly labelRule: LabelRule },
  layoutOf: (named: readonly NamedKey[]) => Layout,
): Shape<S> {
  for (let i = 0; i < shapes.length; i++) {
    const shape = shapes[i]!
    if (!fits(shape, event)) continue
    if (i > 0) {
      shapes[i] = shapes[0]!
      shapes[0] = shape
    }
    return shape
  }
  const shape = newShape<S>(event, state.labelRule, layoutOf)
  // Beyond that keys come in any order: such events are slower, and nothing is kept of them.
  if (shapes.length < maxShapes) {
    shapes.push(shape)
    remember(state, 4 + shape.keys.length)
  }
  return shape
}

function fits({ keys }: Shape<unknown>, { fields, metadataStart: start }: TelemetryEvent): boolean {
  if (fields.length - start !== keys.length * 2) return false
  for (let i = 0; i < keys.length; i++) if (fields[start + 2 * i] !== keys[i]) return false
  return true
}

function newShape<S>(
  { fields, metadataStart: start }: TelemetryEvent,
  nameOf: LabelRule,
  layoutOf: (named: readonly NamedKey[]) => Layout,
): Shape<S> {
  const keys: string[] = []
  const named: NamedKey[] = []
  for (let i = start; i < fields.length; i += 2) {
    const key = fields[i] as string
    const name = nameOf(key)
    keys.push(key)
    if (name !== undefined) named.push({ key, name, offset: i + 1 - start })
  }
  const isPlain = new Set(named.map(({ name }) => name)).size === named.length
  return {
    ...{ keys, layout: layoutOf(named), root: newLeaf(), placed: { count: 0, duration: 0 } },
    offsets: named.map(({ offset }) => offset),
    nameLengths: named.map(({ name }) => name.length),
    types: named.map(() => (isPlain ? 'none yet' : undefined)),
  }
}

/** Returns a value as the tree stores it: all values that cannot be labels are equal. */
const edgeOf = (value: unknown): unknown =>
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  (typeof value === 'number' && Number.isFinite(value))
    ? value
    : undefined

export function findLeaf<S>(
  { root, offsets }: Shape<S>,
  { fields, metadataStart: start }: TelemetryEvent,
): Leaf<S> | undefined {
  let at: Leaf<S> | undefined = root
  for (let i = 0; i < offsets.length; i++) {
    const value = fields[start + offsets[i]!]
    at = at.next?.get(typeof value === 'string' ? value : edgeOf(value))
    if (at === undefined) return undefined
  }
  return at
}

/** Undefined for text that another text may read like in a label: a longer one is cut, a malformed one mended. */
function typeOf(edge: unknown): string | undefined {
  if (typeof edge !== 'string') return typeof edge
  return edge.length <= maxEdgeLength / 4 && edge.isWellFormed() ? 'string' : undefined
}

/**
 * The least length of the labels' text, for values that have no place and are sure to have no series either: all `known`
 * series of the family are in this tree, and none of them would be spelled differently. Else -1. With it, labels need not
 * be made only to see that they overflow.
 */
export function leastLength(
  { types, offsets, nameLengths }: Shape<unknown>,
  { fields, metadataStart: start }: TelemetryEvent,
  placed: number,
  known: number,
): number {
  if (placed !== known) return -1
  let length = 0
  for (let i = 0; i < offsets.length; i++) {
    const edge = edgeOf(fields[start + offsets[i]!])
    const type = types[i]
    if (type === undefined || type !== typeOf(edge)) return -1
    if (typeof edge === 'string') length += edge === '' ? 0 : nameLengths[i]! + edge.length
    else if (edge !== undefined) length += nameLengths[i]!
  }
  return length
}

/** Makes the place of these values; undefined when they are too long to be kept. */
export function placeLeaf<S>(
  { root, offsets, types }: Shape<S>,
  { fields, metadataStart: start }: TelemetryEvent,
  state: PlanCache,
): Leaf<S> | undefined {
  const edges = offsets.map((offset) => edgeOf(fields[start + offset]))
  if (edges.some((edge) => typeof edge === 'string' && edge.length > maxEdgeLength)) return undefined
  let at = root
  let weight = 0
  for (const [i, edge] of edges.entries()) {
    const type = typeOf(edge)
    if (types[i] !== type) types[i] = types[i] === 'none yet' ? type : undefined
    at.next ??= new Map()
    let next = at.next.get(edge)
    if (!next) {
      next = newLeaf<S>()
      at.next.set(typeof edge === 'string' ? ownCopy(edge) : edge, next)
      weight += 1 + (typeof edge === 'string' ? edge.length >> 6 : 0)
    }
    at = next
  }
  remember(state, weight)
  return at
}
