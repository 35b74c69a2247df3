import type { AdminFleetExporter } from '../admin/fleet-port.ts'
import type { ConfigProblem } from '../errors.ts'
import type { TelemetryStatus } from '../status.ts'
import { version } from '../version.ts'

/** The status of one exporter of a node, as the fleet sees it. */
export interface NodeExporter extends AdminFleetExporter {
  /** Batches that a stream has stored, by an exporter that publishes to one. */
  readonly published?: number
}

/** The status that a node writes under its own key. Redacted, and bounded. */
export interface NodeStatus {
  readonly node: string
  readonly role: 'node' | 'gateway'
  /** The key of its document. */
  readonly key: string
  readonly version: string
  readonly pid: number
  /** Epoch milliseconds, by the node's clock. */
  readonly at: number
  readonly startedAt: number
  /** The node writes at least this often. Milliseconds. */
  readonly heartbeatMs: number
  readonly system: string
  /** The revision of the document in force; 0 for none. */
  readonly revision: number
  /** The document in force is a canary's. */
  readonly canary: boolean
  /** The document in force came from the cache on disk. */
  readonly cached: boolean
  /** The latest document, where it was refused. */
  readonly refused?: {
    readonly revision: number
    readonly problems: readonly string[]
    readonly omitted: number
  }
  readonly exporters: Readonly<Record<string, NodeExporter>>
  /** Failed tasks of the node for the fleet, such as writing its cache. */
  readonly warnings: readonly string[]
}

/** No message of a fleet has more. */
export const maxExporters = 256
const maxText = 500

export const short = (text: string): string => (text.length > maxText ? `${text.slice(0, maxText)}…` : text)

export const problemTexts = (problems: readonly ConfigProblem[]): string[] =>
  problems.map(({ message }) => short(message))

/** The exporters of a status, as the fleet sees them. */
export function nodeExporters({ exporters }: TelemetryStatus): Record<string, NodeExporter> {
  const shown = Object.entries(exporters)
    .slice(0, maxExporters)
    .map(
      ([id, { type, state, breaker, breakerSince, ledger, lastError, client }]): [string, NodeExporter] => [
        id,
        {
          ...{ type, state, breaker, breakerSince, ledger },
          ...(lastError && { lastError: short(lastError.message) }),
          ...(typeof client.published === 'number' && { published: client.published }),
        },
      ],
    )
  return Object.fromEntries(shown)
}

export const writtenBy = (): Pick<NodeStatus, 'version' | 'pid'> => ({ version, pid: process.pid })
