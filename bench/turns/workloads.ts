import type { Tracer } from '@opentelemetry/api'
import type { Telemetry } from '../../src/index.ts'

/** One span, begun and ended: ours a pair of events, the peer's `startSpan` and `end`. Both end up with the same attributes. */
export interface Workload {
  readonly ours: (telemetry: Telemetry) => (i: number) => void
  readonly peer: (tracer: Tracer) => (i: number) => void
  /** What `span(name, metadata, fn)` and `startActiveSpan(name, { attributes }, fn)` are given. */
  readonly metadata: (i: number) => Record<string, string | number>
}

const routes = Array.from({ length: 16 }, (_, i) => `/api/v1/resource-${i}/:id`)
const users = Array.from({ length: 1000 }, (_, i) => `user-${i}`)
const shared = routes.map((route, i) => ({ route, method: i % 4 ? 'GET' : 'POST' }))

const route = (i: number): string => routes[i & 15]!
/** 7919 is prime: neighbours differ, and all of them come up. */
const user = (i: number): string => users[(i * 7919) % 1000]!
const duration = (i: number): number => (i % 997) / 8

export const workloads = {
  constant: {
    ours: (telemetry) => (i) => {
      telemetry.emit('job.start', {}, { correlation_id: i, queue: 'mail', user: 'u1' })
      telemetry.emit('job.success', { duration_ms: 1.5 }, { correlation_id: i })
    },
    peer: (tracer) => (i) => {
      const attributes = { correlation_id: i, queue: 'mail', user: 'u1', duration_ms: 1.5 }
      tracer.startSpan('job', { attributes }).end()
    },
    metadata: (i) => ({ correlation_id: i, queue: 'mail', user: 'u1' }),
  },
  varied: {
    ours: (telemetry) => (i) => {
      telemetry.emit('job.start', {}, { correlation_id: i, route: route(i), user: user(i) })
      telemetry.emit('job.success', { duration_ms: duration(i) }, { correlation_id: i })
    },
    peer: (tracer) => (i) => {
      const attributes = { correlation_id: i, route: route(i), user: user(i), duration_ms: duration(i) }
      tracer.startSpan('job', { attributes }).end()
    },
    metadata: (i) => ({ correlation_id: i, route: route(i), user: user(i) }),
  },
  spread: {
    ours: (telemetry) => (i) => {
      telemetry.emit('job.start', {}, { ...shared[i & 15], correlation_id: i })
      telemetry.emit('job.success', { duration_ms: duration(i) }, { correlation_id: i })
    },
    peer: (tracer) => (i) => {
      const attributes = { ...shared[i & 15], correlation_id: i, duration_ms: duration(i) }
      tracer.startSpan('job', { attributes }).end()
    },
    metadata: (i) => ({ ...shared[i & 15], correlation_id: i }),
  },
  unique: {
    ours: (telemetry) => (i) => {
      const correlation_id = `request-${i}`
      const url = `/users/${i}?page=${i & 7}`
      telemetry.emit('job.start', {}, { correlation_id, url, user: `user-${i}` })
      telemetry.emit('job.success', { duration_ms: duration(i) }, { correlation_id })
    },
    peer: (tracer) => (i) => {
      const correlation_id = `request-${i}`
      const url = `/users/${i}?page=${i & 7}`
      const attributes = { correlation_id, url, user: `user-${i}`, duration_ms: duration(i) }
      tracer.startSpan('job', { attributes }).end()
    },
    metadata: (i) => ({
      correlation_id: `request-${i}`,
      url: `/users/${i}?page=${i & 7}`,
      user: `user-${i}`,
    }),
  },
  /** As spread, where the event that ends the span carries everything again. Not part of the table. */
  repeated: {
    ours: (telemetry) => (i) => {
      telemetry.emit('job.start', {}, { ...shared[i & 15], correlation_id: i })
      telemetry.emit('job.success', { duration_ms: duration(i) }, { ...shared[i & 15], correlation_id: i })
    },
    peer: (tracer) => (i) => {
      const attributes = { ...shared[i & 15], correlation_id: i, duration_ms: duration(i) }
      tracer.startSpan('job', { attributes }).end()
    },
    metadata: (i) => ({ ...shared[i & 15], correlation_id: i }),
  },
} as const satisfies Readonly<Record<string, Workload>>

export type WorkloadName = keyof typeof workloads
