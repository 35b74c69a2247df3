import type { BreakerState, ExporterState } from '../machines/states.ts'
import type { Bus, BusStatus } from './bus/bus.ts'
import type { ConfigStore } from './config/contract.ts'
import type { ConfigStatus } from './config/reporting/reports.ts'
import type { Control, ExporterView } from './control/control.ts'
import type { HistoryEntry } from './control/recorder.ts'
import type { LastError } from './delivery/error-log.ts'
import type { LedgerStatus } from './delivery/ledger.ts'
import type { SpoolStatus } from './delivery/spool/status.ts'
import type { Unit } from './delivery/unit.ts'

/** `idle` before `start`. */
export type SystemState = 'idle' | 'running' | 'stopping' | 'stopped'

/** The state of one of an exporter's endpoints. */
export interface EndpointStatus {
  /** Redacted. */
  readonly url: string
  /** True for the endpoint to which telemetry is sent now. At most one endpoint serves. */
  readonly serves: boolean
  readonly breaker: BreakerState
  /** Epoch milliseconds of the breaker's last change of state. */
  readonly breakerSince: number
  /** Milliseconds until its open breaker permits a probe; null while the breaker is not open. */
  readonly probeInMs: number | null
  /** Consecutive failures its breaker has counted. */
  readonly failures: number
  /** Events that it has accepted since telemetry was first sent there. */
  readonly delivered: number
  /** Events that may have arrived there although they were sent again, or dropped. */
  readonly ambiguous: number
}

/** The state of one exporter, as `telemetry.status()` shows it. */
export interface ExporterStatus {
  readonly type: string
  readonly state: ExporterState
  /** With several endpoints: of the one that serves, or of the primary while none does. */
  readonly breaker: BreakerState
  /** Epoch milliseconds of the breaker's last change of state. */
  readonly breakerSince: number
  /** Milliseconds until an open breaker lets a probe through; null while it is not open. */
  readonly probeInMs: number | null
  /** Consecutive failures the breaker has counted. */
  readonly failures: number
  /** Redacted. */
  readonly config: Readonly<Record<string, unknown>>
  readonly ledger: LedgerStatus
  /** Its endpoints, the primary first; only where it has several. */
  readonly endpoints?: readonly EndpointStatus[]
  readonly exports: { readonly attempts: number; readonly seconds: number }
  readonly lastError: LastError | null
  /** Facts about the client from the driver, for example the port it is bound to. */
  readonly client: Readonly<Record<string, unknown>>
  /** Events and bytes on disk; only if the exporter has had a spool. */
  readonly spool?: SpoolStatus
}

/** The state of everything, for operators: plain JSON without secrets. */
export interface TelemetryStatus {
  readonly system: SystemState
  readonly exporters: Readonly<Record<string, ExporterStatus>>
  readonly bus: BusStatus
  readonly config: ConfigStatus
  /** The last transitions, oldest first. Present only if `status({ history: true })` asks for them. */
  readonly history?: readonly HistoryEntry[]
}

/** Returns the status of each endpoint, if there are several. */
function endpointsOf(
  unit: Unit,
  view: ExporterView | undefined,
  { redactor }: ConfigStore,
): { endpoints?: readonly EndpointStatus[] } {
  const tallies = unit.endpoints()
  if (tallies.length === 0) return {}
  return {
    endpoints: tallies.map(({ url, delivered, ambiguous }, endpoint) => {
      const breaker = view?.breakers[endpoint]
      return {
        url: redactor.text(url),
        serves: view?.serving === endpoint,
        breaker: breaker?.breaker ?? 'closed',
        breakerSince: breaker?.breakerSince ?? 0,
        probeInMs: breaker?.probeInMs ?? null,
        failures: breaker?.breakerFailures ?? 0,
        delivered,
        ambiguous,
      }
    }),
  }
}

export function buildStatus({
  state,
  units,
  control,
  bus,
  store,
}: {
  state: SystemState
  units: ReadonlyMap<string, Unit>
  control: Control | undefined
  bus: Bus
  store: ConfigStore
}): TelemetryStatus {
  const exporters: Record<string, ExporterStatus> = {}
  for (const [id, unit] of units) {
    const view = control?.view(id)
    const spool = unit.spool()
    exporters[id] = {
      type: unit.definition.type,
      state: state === 'stopped' ? 'stopped' : (view?.state ?? 'stopped'),
      breaker: view?.breaker ?? 'closed',
      breakerSince: view?.breakerSince ?? 0,
      probeInMs: view?.probeInMs ?? null,
      failures: view?.breakerFailures ?? 0,
      config: store.redacted(id),
      ledger: unit.ledger(),
      ...endpointsOf(unit, view, store),
      exports: { attempts: unit.attempts().count, seconds: unit.attempts().seconds },
      lastError: unit.lastError() ?? null,
      client: store.redactor.value(unit.describe()) as Readonly<Record<string, unknown>>,
      ...(spool && { spool }),
    }
  }
  return { system: state, exporters, bus: bus.status(), config: store.status() }
}
