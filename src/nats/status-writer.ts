import type { NatsConnection } from '@nats-io/transport-node'
import type { Clock } from '../clock.ts'
import { publishStored } from '../nats-client/stored.ts'
import type { NodeStatus } from './node-status.ts'

/** Writes the status of a node under its key. */
export interface StatusWriter {
  /** Writes it now; what changes while it is being written is written after it. Never rejects. */
  write(): Promise<void>
  /** Writes it a moment later, unless it is written before. */
  writeSoon(): void
  /** Why the latest could not be written. */
  readonly problem: string | undefined
}

/** The pause before a status that could not be written is tried again. */
const retryMs = 500
/**
 * How long a status that is not urgent is held back, and spread over, in milliseconds. All nodes take a change at the
 * same moment: where they share a machine, or a server, the change comes before what they say of it.
 */
const soonMs = 100
const spreadMs = 50

export function createStatusWriter(
  clock: Clock,
  connection: () => NatsConnection | undefined,
  subject: string,
  current: () => NodeStatus | undefined,
): StatusWriter {
  let writing: Promise<void> | undefined
  let isStale = false
  let problem: string | undefined
  let isRetrying = false
  let soon: unknown

  const writeOnce = async (): Promise<void> => {
    const open = connection()
    const status = current()
    if (open === undefined || status === undefined) return
    try {
      await publishStored(open, subject, Buffer.from(JSON.stringify(status)))
      problem = undefined
    } catch (error) {
      problem = String(error)
      if (!isRetrying) clock.setTimeout(again, retryMs)
      isRetrying = true
    }
  }

  const writeAll = async (): Promise<void> => {
    do {
      isStale = false
      // Several exporters change their state in one turn.
      await new Promise((resolve) => setImmediate(resolve))
      await writeOnce()
    } while (isStale)
    writing = undefined
  }

  const write = (): Promise<void> => {
    isStale = true
    if (soon !== undefined) clock.clearTimeout(soon)
    soon = undefined
    writing ??= writeAll()
    return writing
  }

  const again = (): void => {
    isRetrying = false
    void write()
  }

  return {
    write,
    writeSoon: () => {
      if (soon !== undefined || connection() === undefined) return
      soon = clock.setTimeout(() => void write(), soonMs + Math.random() * spreadMs)
    },
    get problem() {
      return problem
    },
  }
}
