/** The names of what a fleet keeps in NATS. A bucket is a stream in the format of NATS's key-value stores. */
export interface FleetNames {
  readonly config: { readonly stream: string; readonly subject: string; readonly republished: string }
  /** A document for some of the nodes. */
  readonly canary: { readonly subject: string; readonly republished: string }
  readonly status: { readonly stream: string; readonly prefix: string; readonly republished: string }
}

export const defaultBucket = 'telemachine'
export const defaultKey = 'config'

export const fleetNames = (bucket: string, key: string): FleetNames => ({
  config: {
    stream: `KV_${bucket}`,
    subject: `$KV.${bucket}.${key}`,
    republished: `telemachine.${bucket}.${key}`,
  },
  canary: { subject: `$KV.${bucket}.${key}.canary`, republished: `telemachine.${bucket}.${key}.canary` },
  status: {
    stream: `KV_${bucket}_status`,
    prefix: `$KV.${bucket}_status.`,
    republished: `telemachine.${bucket}_status.`,
  },
})

/** Headers of what is written; a document itself stays as a configuration file has it. */
export const headerNames = {
  /** Who wrote it: `user@host`. */
  by: 'Telemachine-By',
  /** The paths of a change, without values. */
  change: 'Telemachine-Change',
  /** Id of a write, by which JetStream removes duplicates: a write that is tried again is stored once. */
  id: 'Nats-Msg-Id',
  /** The sequence that the last message of the key must have. */
  expected: 'Nats-Expected-Last-Subject-Sequence',
  /** Present in every message of a stream that NATS has republished. */
  sequence: 'Nats-Sequence',
  /** Set by NATS on a key that was deleted. */
  operation: 'KV-Operation',
} as const
