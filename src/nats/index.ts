export type { NatsServers } from '../nats-client/servers.ts'
export type { BucketOptions } from './buckets.ts'
export { type NatsConfigOptions, natsConfig } from './config-source.ts'
export type { DocumentChange } from './fleet/document-change.ts'
export {
  type Fleet,
  type FleetNode,
  type FleetOptions,
  type FleetStatus,
  openFleet,
  type PutOptions,
} from './fleet/fleet.ts'
export type { StreamIdentity } from './fleet/identity.ts'
export type { RolloutReport } from './fleet/rollout.ts'
export type { HistoryEntry } from './fleet/store.ts'
export type { NodeReport } from './fleet/verdict.ts'
export { type NatsFleetOptions, natsFleet } from './fleet-view/nats-fleet.ts'
export { createGateway, type Gateway, type GatewayOptions } from './gateway/gateway.ts'
export type { StreamOptions } from './gateway/stream.ts'
export type { NodeExporter, NodeStatus } from './node-status.ts'
