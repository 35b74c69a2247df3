import { spoolUnready } from '../otel/packing.ts'
import { type CollectionItem, type Heads, itemOf, type Piece, type Refusal } from './collection.ts'
import type { Requests } from './encode/request.ts'

/** Remembers the requests of the client that serves: they know the resource of what is written to disk. */
export interface Packing {
  requests: Requests | undefined
}

interface PackedItem {
  readonly weight: number
  readonly arrived: boolean
  readonly settled: boolean
  readonly refusal?: { readonly type: Refusal['type']; readonly message: string }
  /** Index into the heads, and bytes and data points of each pending piece. Null: a cumulative one, which is only its weight. */
  readonly collection: {
    readonly heads: number
    readonly pieces: readonly (readonly [number, number])[]
  } | null
}

interface PackedHead {
  /** Bytes of resource and scope. */
  readonly heads: readonly (readonly [number, number])[]
  readonly items: readonly PackedItem[]
}

const lengthBytes = 4

function packRefusal(refusal: Refusal): PackedItem['refusal'] {
  const cause = refusal.type === 'refused' ? refusal.cause : undefined
  return { type: refusal.type, message: cause instanceof Error ? cause.message : '' }
}

/**
 * Collections of windows as they were taken, with the resource of the process that took them: of each what has yet to
 * arrive. Length of the head in four bytes (big-endian), the head as JSON, resources and scopes, pieces. Throws before a
 * client was ever open.
 */
export function packItems(items: readonly CollectionItem[], { requests }: Packing): Uint8Array {
  if (requests === undefined) throw spoolUnready()
  const headsOf = ({ collection }: CollectionItem): Heads => collection?.heads ?? requests.heads
  const heads = [...new Set(items.map(headsOf))]
  const head: PackedHead = {
    heads: heads.map(({ resource, scope }) => [resource.length, scope.length]),
    items: items.map((item) => ({
      ...{ weight: item.weight, arrived: item.arrived, settled: item.settled },
      ...(item.refusal && { refusal: packRefusal(item.refusal) }),
      collection: item.collection
        ? {
            heads: heads.indexOf(headsOf(item)),
            pieces: item.pending.map(({ start, end, points }) => [end - start, points]),
          }
        : null,
    })),
  }
  const text = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(lengthBytes)
  length.writeUInt32BE(text.length)
  const pieces = items.flatMap(({ collection, pending }) =>
    collection ? pending.map(({ start, end }) => collection.bytes.subarray(start, end)) : [],
  )
  return Buffer.concat([
    ...[length, text],
    ...heads.flatMap(({ resource, scope }) => [resource, scope]),
    ...pieces,
  ])
}

/** The items that were packed. Throws a RangeError at bytes of another length. */
export function unpackItems(packed: Buffer): readonly CollectionItem[] {
  const textEnd = lengthBytes + packed.readUInt32BE(0)
  const head = JSON.parse(packed.toString('utf8', lengthBytes, textEnd)) as PackedHead
  let at = textEnd
  const next = (length: number): Buffer => {
    at += length
    if (!(length >= 0) || at > packed.length) throw new RangeError('a packed collection is cut')
    return packed.subarray(at - length, at)
  }
  const heads = head.heads.map(
    ([resource, scope]): Heads => ({ resource: next(resource), scope: next(scope) }),
  )
  const items = head.items.map(({ weight, arrived, settled, refusal, collection }): CollectionItem => {
    const start = at
    const pieces = collection?.pieces.map(([length, points]): Piece => {
      const from = at - start
      next(length)
      return { start: from, end: at - start, points }
    })
    const whole = pieces && {
      ...{ bytes: packed.subarray(start, at), pieces },
      heads: heads[(collection as NonNullable<typeof collection>).heads],
    }
    return {
      ...itemOf(whole, weight),
      ...{ arrived, settled },
      refusal: refusal && { type: refusal.type, cause: new Error(refusal.message) },
    }
  })
  if (at !== packed.length) throw new RangeError('a packed collection is too long')
  return items
}

/** A cumulative collection is a state, of which the next process knows nothing: nothing of it could be sent later. */
export const spoolProblems = ({
  spool,
  temporality,
}: {
  readonly spool: unknown
  readonly temporality: string
}): readonly (readonly [string, string])[] =>
  spool && temporality === 'cumulative'
    ? [
        [
          'spool',
          'metrics can be kept on disk with temporality = "delta" alone: cumulative sums are a state that each process starts from zero',
        ],
      ]
    : []
