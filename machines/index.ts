export { type BreakerContext, type BreakerInput, breakerMachine } from './breaker.ts'
export { type DeliveryContext, type DeliveryInput, deliveryMachine } from './delivery.ts'
export type * from './events.ts'
export { exporterMachine } from './exporter.ts'
export type { ExporterGroup } from './exporter-group.ts'
export type { ExporterContext, ExporterInput, StagedChange, UnitInput } from './exporter-setup.ts'
export type {
  FenceReport,
  OpenFailure,
  SpoolPort,
  UnitHandle,
  UnitPort,
  WaveReport,
  WaveScope,
} from './ports.ts'
export { type OpenedSpool, type SpoolContext, type SpoolInput, spoolMachine } from './spool.ts'
export type { BreakerState, ExporterState, SpoolState } from './states.ts'
export { defaultRestartPolicy, type RestartPolicy, rememberCrash } from './supervision.ts'
export { systemMachine } from './system.ts'
export type { SystemContext, SystemInput, Transaction } from './system-setup.ts'
