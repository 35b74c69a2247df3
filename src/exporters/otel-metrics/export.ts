import { TelemetryError } from '../../errors.ts'
import type { ExportContext } from '../exporter.ts'
import type { Outcome } from '../outcome.ts'
import type { MetricsClient } from './client.ts'
import { type CollectionItem, itemOf, type Piece, type Refusal } from './collection.ts'
import type { OtelMetricsConfig } from './settings.ts'
import type { State } from './state.ts'

type Context = ExportContext<State, OtelMetricsConfig>
type Stop = Extract<Outcome, { type: 'retry' | 'misdirected' }>

/**
 * One attempt at a batch of collections, the oldest first. A cumulative one is sent as the latest one, which says all
 * that the earlier ones would, so that it is sent once for all of them. An Outcome speaks of a whole batch: where its
 * collections differ it is given back to be halved, and what is settled then needs no request.
 */
export async function exportCollections(
  client: MetricsClient,
  batch: readonly CollectionItem[],
  context: Context,
): Promise<Outcome> {
  const current = latestFor(client, context.state)
  let cause: unknown
  let stop: Stop | undefined
  for (const item of batch) {
    if (item.settled) continue
    const sent = item.collection ? item : current
    if (!sent.settled) {
      const attempt = await send(client, sent, context)
      cause ??= attempt.cause
      stop = attempt.stop
      if (stop) break
    }
    item.settled = true
    item.refusal = sent.refusal
  }
  return verdict(batch, stop, cause)
}

/** The latest cumulative collection. Another client's backend may know nothing of it: it is sent there as a whole. */
function latestFor(client: MetricsClient, state: State): CollectionItem {
  if (state.latest && state.latestClient !== client) {
    state.latest = itemOf(state.latest.collection, 0)
    state.latestClient = client
  }
  return state.latest ?? { ...itemOf(undefined, 0), settled: true, refusal: forgotten }
}

const forgotten: Refusal = { type: 'refused', cause: new Error('what was summed up has been forgotten') }

const noHeads = { resource: '', scope: '' }

/** Sends what is pending, in requests as large as they may be. What it returns as `stop` ended it. */
async function send(
  client: MetricsClient,
  item: CollectionItem,
  context: Context,
): Promise<{ readonly stop?: Stop; readonly cause?: unknown }> {
  const { collection } = item
  const { resource, scope } = collection?.heads ?? noHeads
  let room = context.config.max_request_bytes - client.requestBytes - resource.length - scope.length
  let cause: unknown
  while (collection && item.pending.length > 0) {
    const pieces = fitting(item.pending, room)
    const outcome = await client.post(collection, pieces, context)
    switch (outcome.type) {
      case 'delivered':
        cause ??= outcome.cause
        noteRejected(context.state, outcome.rejected ?? 0, outcome.cause)
        if ((outcome.rejected ?? 0) >= pointsIn(pieces)) item.refusal ??= { type: 'refused', cause }
        else item.arrived = true
        break
      case 'retry':
      case 'misdirected':
        return { stop: outcome, cause }
      case 'too_large':
        if (pieces.length > 1) {
          room = Math.floor(bytesIn(pieces) / 2)
          continue
        }
        item.refusal ??= outcome
        break
      case 'refused':
        item.refusal ??= outcome
        break
    }
    // Another attempt may be under way with the same cumulative collection.
    item.pending = item.pending.filter((piece) => !pieces.includes(piece))
  }
  item.settled = true
  // Some of it is there: the rest shows in the status.
  if (item.arrived) {
    cause ??= item.refusal?.type === 'refused' ? item.refusal.cause : tooLarge(item.refusal)
    item.refusal = undefined
  }
  return { cause }
}

/** The first pieces that one request has room for, at least one. */
function fitting(pending: readonly Piece[], room: number): readonly Piece[] {
  let bytes = 0
  let count = 0
  for (const { start, end } of pending) {
    bytes += end - start
    if (count > 0 && bytes > room) break
    count++
  }
  return pending.slice(0, count)
}

const pointsIn = (pieces: readonly Piece[]): number => pieces.reduce((sum, { points }) => sum + points, 0)
const bytesIn = (pieces: readonly Piece[]): number =>
  pieces.reduce((sum, { start, end }) => sum + end - start, 0)

function noteRejected(state: State, rejected: number, cause: unknown): void {
  if (rejected === 0) return
  state.rejectedPoints += rejected
  state.lastRejection = cause instanceof Error ? cause.message : undefined
}

const tooLarge = (refusal: Refusal | undefined): unknown =>
  refusal && new TelemetryError('HTTP_STATUS', 'the backend answered HTTP 413 to a part of a collection')

/** Combines the settled collections, and the failure that stopped the others, into an outcome. */
function verdict(batch: readonly CollectionItem[], stop: Stop | undefined, cause: unknown): Outcome {
  const settled = batch.filter((item) => item.settled)
  if (stop && settled.length > 0) return { type: 'too_large', unsent: true }
  if (stop) {
    // Collections that arrived are not sent again, but may be dropped with the rest.
    const partly = batch.some(({ arrived }) => arrived)
    return stop.type === 'retry' && partly ? { ...stop, ambiguous: true } : stop
  }
  const [first] = batch
  const refusals = batch.filter(({ refusal }) => refusal)
  if (refusals.length === 0) return { type: 'delivered', ...(cause !== undefined && { cause }) }
  if (refusals.length < batch.length) return { type: 'too_large', unsent: true }
  return first!.refusal!.type === 'too_large' && batch.length > 1
    ? { type: 'too_large', unsent: true }
    : first!.refusal!
}
