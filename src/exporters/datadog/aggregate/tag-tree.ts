import type { TelemetryEvent } from '../../../bus/event.ts'
import { ownCopy } from '../../../bus/own-copy.ts'
import { type Branches, valuesOf } from '../../branches.ts'
import { tagSet } from '../names.ts'

/**
 * Finds the tags of an event without making them: a tree whose edges are the keys and values of its metadata as
 * emitted. `Found` is what the caller keeps at an end of it.
 */
export interface Leaf<Found> {
  readonly tags: readonly string[]
  found: Found | undefined
}

interface Node<Found> extends Branches<Node<Found>> {
  leaf: Leaf<Found> | undefined
}

export interface TagTree<Found> {
  readonly root: Node<Found>
}

/** A longer text is cut in a tag; the tree need not keep it alive. */
const longestEdge = 256

const node = <Found>(): Node<Found> => ({
  ...{ key: undefined, values: undefined, others: undefined, leaf: undefined },
})

export const tagTree = <Found>(): TagTree<Found> => ({ root: node() })

const isTag = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  (typeof value === 'number' && Number.isFinite(value))

/** `skipped`: keys known to be no tags. */
export function findLeaf<Found>(
  { root }: TagTree<Found>,
  { fields, metadataStart }: TelemetryEvent,
  skipped: ReadonlySet<string>,
): Leaf<Found> | undefined {
  let at: Node<Found> | undefined = root
  for (let i = metadataStart; i < fields.length; i += 2) {
    const value = fields[i + 1]
    if (!isTag(value)) continue
    const key = fields[i] as string
    if (key === at.key) at = at.values?.get(value)
    else if (skipped.has(key)) continue
    else at = at.others?.get(key)?.get(value)
    if (at === undefined) return undefined
  }
  return at.leaf
}

/** Makes the leaf of an event. `grown`: nodes that it took, 0 for one that is better not kept. */
export function placeLeaf<Found>(
  { root }: TagTree<Found>,
  { fields, metadataStart }: TelemetryEvent,
  allows: (key: string) => boolean,
): { readonly leaf: Leaf<Found>; readonly grown: number } {
  const pairs: [string, string | number | boolean][] = []
  for (let i = metadataStart; i < fields.length; i += 2) {
    const [key, value] = [fields[i] as string, fields[i + 1]]
    if (isTag(value) && allows(key)) pairs.push([key, value])
  }
  const leaf: Leaf<Found> = { tags: tagSet(pairs), found: undefined }
  if (pairs.some(([, value]) => typeof value === 'string' && value.length > longestEdge))
    return { leaf, grown: 0 }
  let at = root
  let grown = 0
  for (const [key, value] of pairs) {
    const values = valuesOf(at, key)
    let next = values.get(value)
    if (!next) {
      next = node()
      grown++
      values.set(typeof value === 'string' ? ownCopy(value) : value, next)
    }
    at = next
  }
  at.leaf = leaf
  return { leaf, grown }
}
