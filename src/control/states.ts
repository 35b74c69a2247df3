import type { SnapshotFrom } from 'xstate'
import type { breakerMachine, exporterMachine, supervisorMachine } from '../../machines/index.ts'

/** What an exporter is doing, as shown outside; the last two come from its supervisor. */
export type ExporterState =
  | 'disabled'
  | 'opening'
  | 'retrying'
  | 'serving'
  | 'replacing'
  | 'draining'
  | 'stopped'
  | 'restarting'
  | 'failed'

export type BreakerState = 'closed' | 'open' | 'half_open' | 'forced_open' | 'disabled'

type ExporterSnapshot = SnapshotFrom<typeof exporterMachine>

export function exporterState(
  exporter: ExporterSnapshot,
  supervisor: SnapshotFrom<typeof supervisorMachine>,
): ExporterState {
  if (supervisor.matches('failed')) return 'failed'
  if (supervisor.matches('fencing') || supervisor.matches('backoff')) return 'restarting'
  return lifecycleState(exporter)
}

function lifecycleState(exporter: ExporterSnapshot): ExporterState {
  if (exporter.status === 'error') return 'restarting'
  if (exporter.matches({ disabled: 'idle' })) return 'disabled'
  if (exporter.matches('disabled')) return 'opening'
  if (exporter.matches({ active: { client: 'opening' } })) return 'opening'
  if (exporter.matches({ active: { client: 'retrying' } })) return 'retrying'
  if (exporter.matches({ active: { client: 'replacing' } })) return 'replacing'
  if (exporter.matches('active')) return 'serving'
  if (exporter.matches('stopped')) return 'stopped'
  return 'draining'
}

export function breakerState(breaker: SnapshotFrom<typeof breakerMachine>): BreakerState {
  if (breaker.matches('closed')) return 'closed'
  if (breaker.matches('open')) return 'open'
  if (breaker.matches('half_open')) return 'half_open'
  if (breaker.matches('forced_open')) return 'forced_open'
  return 'disabled'
}
