import { randomUUID } from 'node:crypto'
import { setTimeout as after } from 'node:timers/promises'
import type { NatsConnection } from '@nats-io/transport-node'
import { TelemetryError } from '../../errors.ts'
import { isConflict, JetStreamRefusal, lastStored, publishStored } from '../../nats-client/stored.ts'
import { type Canary, readCanary, readRevision } from '../documents.ts'
import { type FleetNames, headerNames } from '../names.ts'
import { readMessages } from './messages.ts'

/** A revision, with who wrote it. */
export interface HistoryEntry {
  readonly revision: number
  /** Epoch milliseconds, by the server's clock. */
  readonly at: number
  readonly by: string
  readonly change: string
  /** Undefined if the key was deleted, or its value is not a document. */
  readonly document: Record<string, unknown> | undefined
}

/** Who writes, and what. */
export interface Written {
  readonly by: string
  readonly change: string
}

/** The documents of a fleet, for those who write them. */
export interface FleetStore {
  /**
   * The latest revision (0 if the key does not exist), and the document that nodes run by it: if the latest was deleted
   * or cannot be read, the one before it; undefined without one.
   */
  current(): Promise<{ readonly revision: number; readonly document: Record<string, unknown> | undefined }>
  /**
   * Writes a document if the latest revision is `expected`, and returns its revision. It is tried again while the server
   * is away, and stored once. @throws TelemetryError `FLEET_CONFLICT`, `NATS_UNREACHABLE`.
   */
  write(document: Record<string, unknown>, expected: number, written: Written): Promise<number>
  canary(): Promise<Canary | undefined>
  /** As `write`, for the nodes of a canary. Replaces the canary there is. */
  writeCanary(canary: Omit<Canary, 'revision'>, written: Written): Promise<number>
  /** Ends a canary, unless another has taken its place: its nodes go back to the document of all. */
  endCanary(revision: number): Promise<void>
  /** Oldest first; as many as the bucket keeps. */
  history(): Promise<HistoryEntry[]>
}

const retryMs = 100
const attemptMs = 500
/** How long reading and writing are tried while the server is away. */
const patienceMs = 15_000

/** Tries until it works, is refused, or the time is over. */
async function persistently<Result>(attempt: () => Promise<Result>): Promise<Result> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (error instanceof TelemetryError) throw error
      if (Date.now() > deadline)
        throw new TelemetryError('NATS_UNREACHABLE', `the store does not answer: ${String(error)}`)
      await after(retryMs)
    }
  }
}

export function createFleetStore(connection: NatsConnection, names: FleetNames): FleetStore {
  const { stream } = names.config

  const lastOf = (subject: string) => lastStored(connection, stream, subject, attemptMs)

  /** Finds out whether a write without an answer was stored. */
  const outcomeOf = async (subject: string, id: string, expected: number): Promise<number | 'again'> => {
    const last = await lastOf(subject)
    if (last?.headers[headerNames.id] === id) return last.seq
    if ((last?.seq ?? 0) === expected) return 'again'
    throw new TelemetryError(
      'FLEET_CONFLICT',
      `the document has changed meanwhile: its revision is ${last?.seq ?? 0}, not ${expected}`,
    )
  }

  const publish = async (
    subject: string,
    value: Record<string, unknown> | undefined,
    expected: number,
    written: Written,
  ): Promise<number> => {
    const id = randomUUID()
    const data = value === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(value))
    const headers = {
      [headerNames.id]: id,
      [headerNames.expected]: String(expected),
      [headerNames.by]: written.by,
      [headerNames.change]: written.change,
      ...(value === undefined && { [headerNames.operation]: 'DEL' }),
    }
    return persistently(async () => {
      try {
        return (await publishStored(connection, subject, data, { headers, timeoutMs: attemptMs })).seq
      } catch (error) {
        if (error instanceof JetStreamRefusal && !isConflict(error)) throw error
        const outcome = await outcomeOf(subject, id, expected)
        if (outcome === 'again') throw error
        return outcome
      }
    })
  }

  const canaryNow = async (): Promise<Canary | undefined> => {
    const last = await persistently(() => lastOf(names.canary.subject))
    const read = last && readCanary(last)
    return read?.type === 'read' ? read.value : undefined
  }

  const history = async (): Promise<HistoryEntry[]> =>
    (await readMessages(connection, stream, names.config.subject, 'all')).map((message) => {
      const read = readRevision(message)
      return {
        revision: message.seq,
        at: message.at,
        by: message.headers[headerNames.by] ?? '',
        change: message.headers[headerNames.change] ?? '',
        document: read.type === 'read' ? read.value.document : undefined,
      }
    })

  return {
    current: async () => {
      const last = await persistently(() => lastOf(names.config.subject))
      if (last === undefined) return { revision: 0, document: undefined }
      const read = readRevision(last)
      if (read.type === 'read') return read.value
      const earlier = (await history()).findLast(({ document }) => document !== undefined)
      return { revision: last.seq, document: earlier?.document }
    },
    write: (document, expected, written) => publish(names.config.subject, document, expected, written),
    canary: canaryNow,
    writeCanary: async (canary, written) => {
      const last = await persistently(() => lastOf(names.canary.subject))
      return publish(names.canary.subject, { ...canary }, last?.seq ?? 0, written)
    },
    endCanary: async (revision) => {
      const written = { by: '', change: `end the canary ${revision}` }
      await publish(names.canary.subject, undefined, revision, written).catch((error) => {
        if (!(error instanceof TelemetryError) || error.code !== 'FLEET_CONFLICT') throw error
      })
    },
    history,
  }
}
