export type { Backend, BackendOptions, BackendStats } from './backend/contract.ts'
export type { ConnectionFault, Fault, FaultOptions, RequestFault, When } from './backend/faults.ts'
export type { BackendRequest, ReceivedSpan } from './backend/request.ts'
export { createBackend } from './backend.ts'
export type { ConformanceEvent, ConformanceOptions, ConformancePath } from './conformance/contract.ts'
export { exporterConformance } from './conformance.ts'
export type {
  DecodedAttributes,
  DecodedLink,
  DecodedResource,
  DecodedResourceSpans,
  DecodedScope,
  DecodedScopeSpans,
  DecodedSpan,
  DecodedSpanEvent,
  DecodedTraceRequest,
  DecodedValue,
} from './otlp/messages.ts'
export type { ProtobufOptions } from './otlp/protobuf.ts'
export { countSpans, decodeTraceRequest, decodeTraceRequestJson } from './otlp-decode.ts'
export type { SimulatedClock, SimulatedClockOptions, UntilOptions } from './simulated.ts'
export { createSimulatedClock } from './simulated.ts'
