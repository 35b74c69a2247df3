export { type Admin, type AdminOptions, createAdmin } from './admin.ts'
export type {
  AdminFleet,
  AdminFleetDocument,
  AdminFleetExporter,
  AdminFleetNode,
  AdminFleetView,
  AdminNodeState,
  AdminNodeStatus,
} from './fleet-port.ts'
export type { AdminTelemetry } from './port.ts'
