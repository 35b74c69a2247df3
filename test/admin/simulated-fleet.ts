import type { AdminFleet, AdminFleetNode, AdminFleetView } from '../../src/admin/index.ts'
import { statusOf } from '../nats/statuses.ts'

/** A node as a fleet knows it. */
export const nodeOf = (node: string, more: Partial<AdminFleetNode> = {}): AdminFleetNode => ({
  ...{ node, state: 'current', heardAt: Date.now(), status: statusOf(node) },
  ...more,
})

/** A fleet without a store, whose view a test sets. */
export interface SimulatedFleet extends AdminFleet {
  view: AdminFleetView
  /** How often it was read. */
  readonly reads: number
  readonly isClosed: boolean
}

export function createSimulatedFleet(nodes: readonly AdminFleetNode[]): SimulatedFleet {
  let reads = 0
  let isClosed = false
  const fleet: SimulatedFleet = {
    view: {
      ...{ link: { state: 'connected' }, asOf: Date.now(), nodes, omitted: 0 },
      documents: [{ key: 'config', revision: 1, deleted: false }],
    },
    get reads() {
      return reads
    },
    get isClosed() {
      return isClosed
    },
    read: async () => {
      reads += 1
      return fleet.view
    },
    close: async () => {
      isClosed = true
    },
  }
  return fleet
}
