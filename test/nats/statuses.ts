import type { NodeStatus } from '../../src/nats/node-status.ts'

/** A status as a node writes it. */
export const statusOf = (node: string, more: Partial<NodeStatus> = {}): NodeStatus => ({
  ...{ node, role: 'node', key: 'config', version: '1', pid: 1, at: 0, startedAt: 0 },
  ...{ heartbeatMs: 10_000, system: 'running', revision: 1, canary: false, cached: false },
  exporters: {
    otel: {
      ...{ type: 'otel', state: 'serving', breaker: 'closed', breakerSince: 1 },
      ledger: {
        ...{ accepted: 10, delivered: 5, dropped: { queue_full: 2 }, ambiguous: 1, restored: 0 },
        pending: { buffered: 1, held: 1, queued: 1, in_flight: 0, spooled: 0 },
      },
      lastError: 'no answer',
    },
  },
  warnings: [],
  ...more,
})
