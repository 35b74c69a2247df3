export { breakerMachine } from './breaker.ts'
export type { BreakerContext, BreakerInput } from './breaker-context.ts'
export { deliveryMachine } from './delivery.ts'
export type { DeliveryContext, DeliveryInput, ExportPlace } from './delivery-setup.ts'
export type * from './events.ts'
export { exporterMachine } from './exporter.ts'
export type { BreakerActor, ExporterGroup, FailoverActor } from './exporter-group.ts'
export type { ExporterContext, ExporterInput, StagedChange, UnitInput } from './exporter-setup.ts'
export { failoverMachine } from './failover.ts'
export type { FailoverContext, FailoverInput, OpenRequest } from './failover-setup.ts'
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
export type { SystemContext, SystemInput, Transaction } from './system-context.ts'
