import type { LedgerStatus } from '../delivery/ledger.ts'

/**
 * How a node stands to the document that is stored under its key. `refused`: it refused the latest one, and runs an
 * earlier one. `unreadable`: the value that it wrote is not a valid status. `silent`: it has missed three heartbeats.
 * `behind`: it runs another revision. `canary`: it tries a change. `current`: it runs the stored revision. `stopped`:
 * it said that it stops.
 */
export type AdminNodeState = 'refused' | 'unreadable' | 'silent' | 'behind' | 'canary' | 'current' | 'stopped'

/** An exporter of a node of a fleet. */
export interface AdminFleetExporter {
  readonly type: string
  readonly state: string
  readonly breaker: string
  /** Epoch milliseconds of the breaker's last change of state. */
  readonly breakerSince: number
  readonly ledger: LedgerStatus
  readonly lastError?: string
}

/** The latest status of a node of a fleet. */
export interface AdminNodeStatus {
  readonly role: string
  /** The key of its document. */
  readonly key: string
  readonly version: string
  readonly system: string
  /** It writes its status at least this often. Milliseconds. */
  readonly heartbeatMs: number
  /** The revision of the document in force; 0 for none. */
  readonly revision: number
  /** The document in force came from the cache on disk. */
  readonly cached: boolean
  readonly refused?: {
    readonly revision: number
    readonly problems: readonly string[]
    readonly omitted: number
  }
  readonly exporters: Readonly<Record<string, AdminFleetExporter>>
  readonly warnings: readonly string[]
}

/** A node of a fleet. */
export interface AdminFleetNode {
  readonly node: string
  readonly state: AdminNodeState
  /** When its last status was stored or heard, in epoch milliseconds. */
  readonly heardAt: number
  /** Undefined if the status cannot be read. */
  readonly status: AdminNodeStatus | undefined
}

/** A document that nodes of a fleet run. */
export interface AdminFleetDocument {
  readonly key: string
  /** The stored revision; 0 if no document is stored. */
  readonly revision: number
  /** True if it was deleted. Nodes then keep the revision that they run. */
  readonly deleted: boolean
  /** A change that some nodes try, and how many were chosen for it. */
  readonly canary?: { readonly revision: number; readonly nodes: number }
}

/** A view of a fleet. */
export interface AdminFleetView {
  /** `away`: the store does not answer, and the view shows the last known state. */
  readonly link: { readonly state: 'connected' | 'away'; readonly error?: string }
  /** When the view was true, in epoch milliseconds; undefined if the store has not answered yet. */
  readonly asOf: number | undefined
  readonly documents: readonly AdminFleetDocument[]
  readonly nodes: readonly AdminFleetNode[]
  /** At least this many further nodes exist. */
  readonly omitted: number
}

/** A fleet, for the admin API. `natsFleet` of `telemachine/nats` makes one. */
export interface AdminFleet {
  /** Resolves within a few seconds, whether the store answers or not. Never rejects. */
  read(): Promise<AdminFleetView>
  /** Closes its connections, if it has any. */
  close(): Promise<void>
}
