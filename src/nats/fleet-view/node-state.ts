import type { AdminFleetDocument, AdminNodeState } from '../../admin/fleet-port.ts'
import { isAlive } from '../fleet/statuses.ts'
import type { HeardStatus } from './status-book.ts'

/** How a node stands to the document of its key, at a time. By when it was heard, and not by its own clock. */
export function nodeState(
  { heardAt, status }: HeardStatus,
  documents: ReadonlyMap<string, AdminFleetDocument>,
  now: number,
): AdminNodeState {
  if (status === undefined) return 'unreadable'
  if (status.system === 'stopped') return 'stopped'
  if (!isAlive({ ...status, at: heardAt }, now)) return 'silent'
  if (status.refused !== undefined) return 'refused'
  if (status.canary) return 'canary'
  const document = documents.get(status.key)
  // After a document is deleted, nodes keep what they run.
  return document?.deleted || status.revision === (document?.revision ?? 0) ? 'current' : 'behind'
}
