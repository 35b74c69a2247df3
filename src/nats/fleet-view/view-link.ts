import type { NatsConnection } from '@nats-io/transport-node'
import type { AdminFleetDocument } from '../../admin/fleet-port.ts'
import { type Clock, elapsed } from '../../clock.ts'
import { messageOf, TelemetryError } from '../../errors.ts'
import { lastStored } from '../../nats-client/stored.ts'
import { readCanary, readRevision } from '../documents.ts'
import { type FleetNames, fleetNames, headerNames } from '../names.ts'
import type { StatusBook } from './status-book.ts'
import { readStored } from './stored-statuses.ts'

/** A connection by which the statuses of a fleet are heard. */
export interface ViewLink {
  /** It has ended for good. */
  readonly isOver: boolean
  /** Reads what may have been missed. Rejects if the server is away or refuses. Returns how many nodes had no room. */
  catchUp(): Promise<number>
  /** Reads what is stored under a key. */
  document(key: string): Promise<AdminFleetDocument>
  close(): Promise<void>
}

/** So often everything is read again, for what was neither heard nor noticed: nodes that the store has forgotten. */
const rereadMs = 60_000
/** Beyond it the statuses that are read are no fleet that a page could show. */
const maxRead = 20_000

const unreachable = (why: string): TelemetryError => new TelemetryError('NATS_UNREACHABLE', why)

/** Listens to what nodes write, into a book. It writes nothing, and needs no consumer. */
export async function openViewLink(
  connection: NatsConnection,
  bucket: string,
  { status }: FleetNames,
  book: StatusBook,
  clock: Clock,
): Promise<ViewLink> {
  const { stream, prefix, republished } = status
  let isAway = false
  let isOver = false
  let readAt: number | undefined
  let refused: string | undefined
  let omitted = 0

  const follow = async (): Promise<void> => {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') isAway = true
      if (type !== 'reconnect') continue
      isAway = false
      readAt = undefined
    }
  }
  void follow().catch(() => {})
  void connection.closed().then(() => {
    isOver = true
  })
  connection.subscribe(`${republished}*`, {
    callback: (error, message) => {
      if (error) {
        refused = `listening to ${republished}* is refused: ${messageOf(error)}`
        void connection.close()
        return
      }
      const { subject, headers, data } = message
      const seq = Number(headers?.get(headerNames.sequence))
      if (Number.isSafeInteger(seq)) book.hear(subject.slice(republished.length), seq, clock.now(), data)
    },
  })

  const readAll = async (): Promise<void> => {
    const before = book.highest
    const last = (await lastStored(connection, stream, `${prefix}*`))?.seq ?? 0
    // Sequences only grow: this is another store than the one before.
    if (last < before) book.clear()
    const stored = new Set<string>()
    let left = 0
    await readStored(connection, stream, `${prefix}*`, last, maxRead, ({ subject, seq, at, data }) => {
      const node = subject.slice(prefix.length)
      if (book.hear(node, seq, Math.min(at, clock.now()), data)) stored.add(node)
      else left += 1
    })
    book.keep(stored, last)
    omitted = left
  }

  return {
    get isOver() {
      return isOver
    },
    catchUp: async () => {
      if (isAway || isOver) throw unreachable(refused ?? 'the NATS server is away')
      const began = elapsed(clock)
      if (readAt === undefined || began - readAt > rereadMs) {
        await connection.flush()
        if (refused !== undefined) throw unreachable(refused)
        await readAll()
        readAt = began
      }
      return omitted
    },
    document: async (key) => {
      const names = fleetNames(bucket, key)
      const [last, lastCanary] = await Promise.all([
        lastStored(connection, names.config.stream, names.config.subject),
        lastStored(connection, names.config.stream, names.canary.subject),
      ])
      const revision = last?.seq ?? 0
      const read = lastCanary && readCanary(lastCanary)
      const canary = read?.type === 'read' && read.value.base === revision ? read.value : undefined
      return {
        ...{ key, revision, deleted: last !== undefined && readRevision(last).type === 'none' },
        ...(canary && { canary: { revision: canary.revision, nodes: canary.nodes.length } }),
      }
    },
    close: () => connection.close(),
  }
}
