import { createHash } from 'node:crypto'
import type { Clock } from '../../clock.ts'
import { TelemetryError } from '../../errors.ts'
import type { NodeStatus } from '../node-status.ts'
import { isAlive, type Statuses } from './statuses.ts'
import type { FleetStore, Written } from './store.ts'
import { isFailure, judgeNode, type NodeReport } from './verdict.ts'

/** A change of the whole fleet. */
export interface Rollout {
  readonly document: Record<string, unknown>
  /** The document to put back if the change fails, and its revision, which has to be the latest. */
  readonly previous: { readonly revision: number; readonly document: Record<string, unknown> | undefined }
  readonly written: Written
  /** Exporters whose circuit breakers are watched. */
  readonly reconnected: readonly string[]
  /** How long nodes may take to report, in milliseconds; 0 does not wait for them. */
  readonly waitMs: number
  /** The key of the document: nodes of another key do not hear of it. */
  readonly key: string
  /** The part of the nodes that try the change first, from 0 to 1. Default: all at once. */
  readonly canary?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** The outcome of a change. */
export interface RolloutReport {
  /** `changed`: in force, as far as nodes have reported. `rolled_back`: a node refused it, or a breaker opened. */
  readonly result: 'changed' | 'rolled_back' | 'superseded'
  /** Revision of the document that was written; 0 if the canary failed before. */
  readonly revision: number
  /** The revision that put the previous document back. */
  readonly restored?: number
  /** Nodes that tried the change first. */
  readonly canary?: readonly string[]
  readonly nodes: readonly NodeReport[]
}

/** In an order that depends on the revision: it is not always the same nodes that go first. */
function chosen(nodes: readonly string[], part: number, revision: number): string[] {
  const rank = (node: string): string => createHash('sha256').update(`${revision} ${node}`).digest('hex')
  const count = Math.min(nodes.length, Math.max(1, Math.ceil(nodes.length * part)))
  return nodes.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, count)
}

/**
 * Writes a document and waits for the reports of the nodes. Any failure puts the previous document back, unless another
 * writer else has written a later one meanwhile. @throws TelemetryError `FLEET_CONFLICT` if the previous one is not the
 * latest.
 */
export async function rollOut(
  { store, statuses, clock }: { store: FleetStore; statuses: Statuses; clock: Clock },
  rollout: Rollout,
): Promise<RolloutReport> {
  const { document, previous, written, reconnected, waitMs, key, signal } = rollout
  const before = new Map(statuses.all())
  const alive = [...before.values()]
    .filter((status) => status.key === key && isAlive(status, clock.now()))
    .map(({ node }) => node)

  /** Resolves as soon as it is decided, and when the time is over. */
  const reports = (nodes: readonly string[], revision: number, watched: readonly string[]) =>
    settled(clock, statuses, waitMs, signal, (current) => {
      const judged = nodes.map((node) =>
        judgeNode(node, current.get(node), before.get(node), revision, watched),
      )
      const isOpen = judged.some(({ outcome }) => outcome === 'silent')
      // A breaker takes a while to open.
      const isWatched = watched.length > 0 && nodes.length > 0
      return { judged, decided: judged.some(isFailure) || !(isOpen || isWatched) }
    })

  let first: readonly string[] | undefined
  if (rollout.canary !== undefined) {
    first = chosen(alive, rollout.canary, previous.revision)
    const trial = { base: previous.revision, nodes: first, document }
    const revision = await store.writeCanary(trial, written)
    const judged = await reports(first, revision, reconnected)
    if (judged.some(({ outcome }) => outcome !== 'applied')) {
      await store.endCanary(revision)
      return { result: 'rolled_back', revision: 0, canary: first, nodes: judged }
    }
    const result = await writeToAll()
    await store.endCanary(revision)
    return result
  }
  return writeToAll()

  async function writeToAll(): Promise<RolloutReport> {
    const revision = await store.write(document, previous.revision, written)
    const judged = await reports(alive, revision, reconnected)
    const report = { revision, nodes: judged, ...(first && { canary: first }) }
    const failed = judged.filter(isFailure)
    if (failed.length === 0) return { result: 'changed', ...report }
    const why = failed.map(({ node, outcome }) => `${node} ${outcome}`).slice(0, 3)
    try {
      const restored = await store.write(previous.document ?? {}, revision, {
        by: written.by,
        change: `put revision ${previous.revision} back: ${why.join(', ')}`,
      })
      return { result: 'rolled_back', restored, ...report }
    } catch (error) {
      if (!(error instanceof TelemetryError) || error.code !== 'FLEET_CONFLICT') throw error
      return { result: 'superseded', ...report }
    }
  }
}

/** Evaluates the statuses after each change, until the outcome is certain, the time is over or the caller aborts. */
function settled(
  clock: Clock,
  statuses: Statuses,
  waitMs: number,
  signal: AbortSignal | undefined,
  judge: (current: ReadonlyMap<string, NodeStatus>) => {
    readonly judged: readonly NodeReport[]
    readonly decided: boolean
  },
): Promise<readonly NodeReport[]> {
  return new Promise((resolve) => {
    let timer: unknown
    let unsubscribe = (): void => {}
    const end = (judged: readonly NodeReport[]): void => {
      clock.clearTimeout(timer)
      unsubscribe()
      signal?.removeEventListener('abort', giveUp)
      resolve(judged)
    }
    const look = (): void => {
      const { judged, decided } = judge(statuses.all())
      if (decided) end(judged)
    }
    const giveUp = (): void => end(judge(statuses.all()).judged)
    timer = clock.setTimeout(giveUp, waitMs)
    unsubscribe = statuses.subscribe(look)
    signal?.addEventListener('abort', giveUp)
    if (waitMs <= 0 || signal?.aborted) giveUp()
    else look()
  })
}
