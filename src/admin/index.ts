export { type Admin, type AdminOptions, createAdmin } from './admin.ts'
export type { AdminTelemetry } from './port.ts'
