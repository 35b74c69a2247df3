import type { Outcome } from '../outcome.ts'

/** A part of a collection that goes into one request as a whole: `metrics` fields of a ScopeMetrics. */
export interface Piece {
  readonly start: number
  readonly end: number
  /** Data points. */
  readonly points: number
}

/** The beginning of a request: the encoded fields of resource and scope. */
export interface Heads {
  readonly resource: Buffer
  readonly scope: Buffer
}

/** The encoded sums of one collection. A retry copies them and does not encode again. */
export interface Collection {
  readonly bytes: Buffer
  readonly pieces: readonly Piece[]
  /** Resource and scope, where another process took it. */
  readonly heads?: Heads | undefined
}

/**
 * A collection in the queue. One of windows is sent as it was taken, with its own times, until each of its pieces is
 * settled: a piece that arrived is never sent again. A cumulative one needs no memory of its own: the latest collection
 * says all that it would say.
 */
export interface CollectionItem {
  /** Undefined: the latest cumulative collection at the time of the attempt. */
  readonly collection: Collection | undefined
  /** Events that are settled by it. */
  readonly weight: number
  /** Pieces that are not settled yet. */
  pending: readonly Piece[]
  /** Some of it has arrived. */
  arrived: boolean
  /** The refusal of pieces by the backend. */
  refusal: Refusal | undefined
  settled: boolean
}

export type Refusal = Extract<Outcome, { type: 'refused' | 'too_large' }>

/** Creates the item of a collection. A cumulative one keeps only its weight. */
export const itemOf = (collection: Collection | undefined, weight: number): CollectionItem => ({
  ...{ collection, weight, pending: collection?.pieces ?? [] },
  ...{ arrived: false, refusal: undefined, settled: false },
})

const itemBytes = 128
const bytesPerPiece = 64

/** Returns the bytes of an item in memory. */
export const memoryOf = ({ collection }: CollectionItem): number =>
  itemBytes + (collection ? collection.bytes.length + bytesPerPiece * collection.pieces.length : 0)

/** The least that one request has to carry. */
export const largestPiece = ({ pending }: CollectionItem): number =>
  pending.reduce((most, { start, end }) => Math.max(most, end - start), 0)
