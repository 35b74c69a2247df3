import { hostname, userInfo } from 'node:os'
import { createSystemClock } from '../../clock.ts'
import { TelemetryError } from '../../errors.ts'
import { connectTo } from '../../nats-client/connection.ts'
import { checkedName, type NatsServers } from '../../nats-client/servers.ts'
import { JetStreamRefusal } from '../../nats-client/stored.ts'
import { type BucketOptions, createBuckets } from '../buckets.ts'
import { defaultBucket, defaultKey, fleetNames } from '../names.ts'
import type { NodeStatus } from '../node-status.ts'
import { changedDocument, type DocumentChange, describeChange, reconnected } from './document-change.ts'
import { readIdentity, type StreamIdentity } from './identity.ts'
import { type RolloutReport, rollOut } from './rollout.ts'
import { isAlive, openStatuses } from './statuses.ts'
import { createFleetStore, type HistoryEntry } from './store.ts'

/** Options of {@link openFleet}. */
export interface FleetOptions extends NatsServers {
  /** Default: `telemachine`. */
  readonly bucket?: string | undefined
  /** Default: `config`. */
  readonly key?: string | undefined
  /** The stream of telemetry whose identity is shown. Default: `telemachine_otel`. */
  readonly stream?: string | undefined
  /** The name of the writer in the history. Default: `<user>@<host>`. */
  readonly by?: string | undefined
}

/** How a change is written. */
export interface PutOptions {
  /** The revision that has to be the latest. Default: the one that is, when `put` is called. */
  readonly ifRevision?: number | undefined
  /** How long nodes may take to report, in milliseconds. Default: 5,000; 0 waits for none. */
  readonly waitMs?: number | undefined
  /** The part of the nodes that try the change first, above 0 and at most 1. Default: all at once. */
  readonly canary?: number | undefined
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined
}

/** A node, by its last status. */
export interface FleetNode extends NodeStatus {
  /** True if it has written its status in time. */
  readonly alive: boolean
}

/** Everything that is known of a fleet. */
export interface FleetStatus {
  /** The latest revision of the document; 0 if it does not exist. */
  readonly revision: number
  /** A change that some nodes try. */
  readonly canary?: { readonly revision: number; readonly nodes: readonly string[] }
  readonly nodes: readonly FleetNode[]
  /** Counts of the batches in the stream; undefined without a stream. */
  readonly identity?: StreamIdentity
}

/** The configuration of a fleet, for operators. */
export interface Fleet {
  /** Makes the buckets, where they are missing. Returns the names of the new streams. */
  init(options?: BucketOptions): Promise<string[]>
  /**
   * Changes keys of the document. @throws TelemetryError `FLEET_CONFLICT`; TelemetryConfigError for an invalid path.
   */
  put(change: DocumentChange, options?: PutOptions): Promise<RolloutReport>
  /** Replaces the document. */
  replace(document: Record<string, unknown>, options?: PutOptions): Promise<RolloutReport>
  /** Restores the document of a revision. Default: the revision before the latest. */
  rollback(revision?: number, options?: PutOptions): Promise<RolloutReport>
  /** The revisions that are kept, oldest first. */
  history(): Promise<HistoryEntry[]>
  status(): Promise<FleetStatus>
  /** Calls back when a node has written its status. Returns an unsubscribe function. */
  subscribe(listener: () => void): () => void
  close(): Promise<void>
}

export const defaultStream = 'telemachine_otel'

function writer(): string {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    return hostname()
  }
}

/**
 * Connects to the configuration of a fleet. Needs the packages `@nats-io/transport-node` and `@nats-io/jetstream`. Makes
 * the buckets where they are missing.
 * @throws TelemetryError `NATS_OPTION_INVALID`, `NATS_PACKAGE_MISSING`, `NATS_UNREACHABLE`, `NATS_REFUSED`.
 */
export async function openFleet(options: FleetOptions): Promise<Fleet> {
  const bucket = checkedName('bucket', options.bucket ?? defaultBucket)
  const key = checkedName('key', options.key ?? defaultKey)
  const stream = checkedName('stream', options.stream ?? defaultStream)
  const by = options.by ?? writer()
  const names = fleetNames(bucket, key)
  const clock = createSystemClock()
  const connection = await connectTo({ ...options, name: `telemachine fleet ${by}` })
  const store = createFleetStore(connection, names)
  const init = (given?: BucketOptions): Promise<string[]> => createBuckets(connection, bucket, given)

  const opened = async () => {
    try {
      return await openStatuses(connection, names)
    } catch (error) {
      if (!isMissing(error)) throw error
      await init()
      return openStatuses(connection, names)
    }
  }
  const statuses = await opened().catch(async (error) => {
    await connection.close()
    throw error
  })

  const change = async (
    make: (document: Record<string, unknown>) => Record<string, unknown>,
    what: string,
    { ifRevision, waitMs = 5000, canary, signal }: PutOptions = {},
  ): Promise<RolloutReport> => {
    const previous = await store.current()
    if (ifRevision !== undefined && ifRevision !== previous.revision)
      throw new TelemetryError(
        'FLEET_CONFLICT',
        `the latest revision is ${previous.revision}, not ${ifRevision}: read it, and repeat the change if it is still right`,
      )
    const before = previous.document ?? {}
    const document = make(before)
    return rollOut(
      { store, statuses, clock },
      {
        ...{ document, previous, waitMs, key, canary, signal },
        written: { by, change: what },
        reconnected: reconnected(before, document),
      },
    )
  }

  const rollback = async (revision: number | undefined, given?: PutOptions): Promise<RolloutReport> => {
    const history = await store.history()
    const wanted =
      revision === undefined
        ? history.slice(0, -1).findLast(({ document }) => document !== undefined)
        : history.find((entry) => entry.revision === revision)
    if (wanted?.document === undefined)
      throw new TelemetryError(
        'FLEET_REFUSED',
        revision === undefined
          ? 'there is no revision before the latest'
          : `there is no document of revision ${revision}: the history has ${history.map((entry) => entry.revision).join(', ')}`,
      )
    const { document } = wanted
    return change(() => document, `roll back to revision ${wanted.revision}`, {
      ifRevision: history.at(-1)!.revision,
      ...given,
    })
  }

  return {
    init,
    put: async (given, putOptions) => {
      const what = describeChange(given)
      return change((document) => changedDocument(document, given), what, putOptions)
    },
    replace: (document, putOptions) => change(() => document, 'the whole document', putOptions),
    rollback,
    history: store.history,
    status: async () => {
      await statuses.refresh()
      const now = clock.now()
      const [{ revision }, canary] = await Promise.all([store.current(), store.canary()])
      const nodes = [...statuses.all().values()]
        .map((status): FleetNode => ({ ...status, alive: isAlive(status, now) }))
        .toSorted((a, b) => (a.node < b.node ? -1 : 1))
      const identity = await readIdentity(connection, stream, nodes)
      return {
        revision,
        // A canary upon an earlier revision is over.
        ...(canary?.base === revision && { canary: { revision: canary.revision, nodes: canary.nodes } }),
        nodes,
        ...(identity && { identity }),
      }
    },
    subscribe: statuses.subscribe,
    close: async () => {
      statuses.close()
      await connection.close()
    },
  }
}

const streamMissing = 10_059

const isMissing = (error: unknown): boolean =>
  (error instanceof JetStreamRefusal && error.reason === streamMissing) ||
  (error as { code?: unknown } | undefined)?.code === streamMissing
