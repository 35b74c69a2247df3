export type { SafeEvent } from './payloads.ts'
export { createSafeInspector, type InspectionTarget, type SafeRecord, type SafeTransition } from './safe.ts'
export type { SafeSnapshot, SafeValue, StandIn } from './stand-in.ts'
export { type StatelyWatch, type StatelyWatchOptions, watchInStately } from './stately.ts'
