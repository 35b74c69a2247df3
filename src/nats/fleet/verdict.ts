import type { NodeStatus } from '../node-status.ts'

/** The state of one node with regard to one revision. */
export interface NodeReport {
  readonly node: string
  /**
   * `breaker_open`: it is in force, and a circuit breaker of an exporter that it reconnected has opened since.
   * `silent`: the node said nothing in time. `superseded`: the node runs a later revision already.
   */
  readonly outcome: 'applied' | 'refused' | 'breaker_open' | 'silent' | 'superseded'
  /** Why it was refused, or why the breaker opened. */
  readonly problems: readonly string[]
}

export const isFailure = ({ outcome }: NodeReport): boolean =>
  outcome === 'refused' || outcome === 'breaker_open'

const opened = new Set(['open', 'half_open'])

/**
 * Judges the status of a node. `before` is its status before the change: a breaker that was open then did not open
 * because of it. `reconnected`: the exporters that the change reconnects.
 */
export function judgeNode(
  node: string,
  status: NodeStatus | undefined,
  before: NodeStatus | undefined,
  revision: number,
  reconnected: readonly string[],
): NodeReport {
  const report = (outcome: NodeReport['outcome'], problems: readonly string[] = []): NodeReport => ({
    node,
    outcome,
    problems,
  })
  if (status?.refused?.revision === revision) return report('refused', status.refused.problems)
  if (status === undefined || status.revision < revision) return report('silent')
  if (status.revision > revision) return report('superseded')
  const problems = reconnected.flatMap((id) => {
    const exporter = status.exporters[id]
    if (exporter === undefined || !opened.has(exporter.breaker)) return []
    const earlier = before?.exporters[id]
    const wasOpen =
      earlier !== undefined && opened.has(earlier.breaker) && earlier.breakerSince === exporter.breakerSince
    return wasOpen ? [] : [`the circuit breaker of ${id} opened: ${exporter.lastError ?? 'its exports fail'}`]
  })
  return problems.length > 0 ? report('breaker_open', problems) : report('applied')
}
