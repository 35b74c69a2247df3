import type { AdminFleet, AdminFleetDocument, AdminFleetView } from '../../admin/fleet-port.ts'
import { type Clock, createSystemClock, elapsed } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import { connectTo } from '../../nats-client/connection.ts'
import { checkedName, checkedServers, isName, type NatsServers } from '../../nats-client/servers.ts'
import { defaultBucket, defaultKey, fleetNames } from '../names.ts'
import { nodeState } from './node-state.ts'
import { createStatusBook } from './status-book.ts'
import { openViewLink, type ViewLink } from './view-link.ts'

/** Options of {@link natsFleet}. */
export interface NatsFleetOptions extends NatsServers {
  /** The bucket with the documents; the one with the statuses is `<bucket>_status`. Default: `telemachine`. */
  readonly bucket?: string | undefined
  /** Subject that answers come in under: credentials may be limited to it. Default: `_INBOX`. */
  readonly inbox?: string | undefined
  /** Default: the system's. */
  readonly clock?: Clock | undefined
}

/** A read that takes longer answers with what is known. */
const patienceMs = 3000
/** Several pages that look at once are answered by one read. */
const freshMs = 500
/** Without anybody who looks for so long, the connection is closed. */
const idleMs = 30_000

const maxNodes = 10_000
const maxBytes = 64 * 1024 * 1024
/** Keys whose documents are read: one for nodes, one for gateways, and a few more. */
const maxKeys = 16

/**
 * Makes a fleet for the admin API: `createAdmin(telemetry, { fleet: natsFleet({ servers }) })`. It reads the keys that
 * `telemachine fleet status` reads, writes nothing, and connects when somebody looks; 30 s after the last look it
 * disconnects. Needs the package `@nats-io/transport-node`. @throws TelemetryError `NATS_OPTION_INVALID`.
 */
export function natsFleet(options: NatsFleetOptions): AdminFleet {
  checkedServers(options)
  const bucket = checkedName('bucket', options.bucket ?? defaultBucket)
  const { clock = createSystemClock() } = options
  const names = fleetNames(bucket, defaultKey)
  const book = createStatusBook(maxNodes, maxBytes)
  let view: AdminFleetView = {
    ...{ link: { state: 'away' }, asOf: undefined, documents: [], nodes: [], omitted: 0 },
  }
  let link: ViewLink | undefined
  let refreshing: Promise<void> | undefined
  let idle: unknown
  let isClosed = false
  let refreshedAt = Number.NEGATIVE_INFINITY

  const disconnect = async (): Promise<void> => {
    const open = link
    link = undefined
    await open?.close().catch(() => {})
  }

  const connected = async (): Promise<ViewLink> => {
    if (link && !link.isOver) return link
    const connection = await connectTo({
      ...options,
      name: 'telemachine fleet view',
      inboxPrefix: options.inbox,
    })
    link = await openViewLink(connection, bucket, names, book, clock)
    if (isClosed) await disconnect()
    return link ?? Promise.reject(new Error('it is closed'))
  }

  const refresh = async (): Promise<void> => {
    const open = await connected()
    const omitted = await open.catchUp()
    // Nodes are looked at before the documents: none of them can run a revision later than the one that is read.
    const heard = [...book.nodes].map(([node, one]) => ({ node, ...one }))
    const keys = new Set([defaultKey, ...heard.map(({ status }) => status?.key).filter(isName)])
    const documents = new Map<string, AdminFleetDocument>()
    for (const document of await Promise.all([...keys].slice(0, maxKeys).map(open.document)))
      documents.set(document.key, document)
    const asOf = clock.now()
    view = {
      link: { state: 'connected' },
      asOf,
      documents: [...documents.values()],
      nodes: heard.map(({ node, heardAt, status }) => ({
        node,
        state: isName(node) ? nodeState({ seq: 0, heardAt, status }, documents, asOf) : 'unreadable',
        heardAt,
        status: isName(node) ? status : undefined,
      })),
      omitted,
    }
    refreshedAt = elapsed(clock)
  }

  const away = (error: string): void => {
    view = { ...view, link: { state: 'away', error } }
  }

  /** Resolves when it is refreshed, has failed, or patience is over. */
  const refreshed = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = clock.setTimeout(() => {
        away(`the NATS server has not answered within ${patienceMs / 1000} s`)
        resolve()
      }, patienceMs)
      refreshing ??= refresh()
        .catch((error: unknown) => away(messageOf(error)))
        .finally(() => {
          refreshing = undefined
        })
      void refreshing.then(() => {
        clock.clearTimeout(timer)
        resolve()
      })
    })

  return {
    read: async () => {
      if (isClosed) return view
      clock.clearTimeout(idle)
      idle = clock.setTimeout(() => void disconnect(), idleMs)
      const isFresh = view.link.state === 'connected' && elapsed(clock) - refreshedAt < freshMs
      if (!isFresh) await refreshed()
      return view
    },
    close: async () => {
      isClosed = true
      clock.clearTimeout(idle)
      await disconnect()
    },
  }
}
