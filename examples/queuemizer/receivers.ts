import { type Backend, createBackend } from '../../src/testing/index.ts'

/** Two places that spans can be sent to: OTLP/HTTP receivers on loopback that decode what arrives. */
export interface Receivers {
  readonly a: Backend
  readonly b: Backend
  /** Spans decoded by both. */
  spans(): number
  open(): Promise<void>
  close(): Promise<void>
}

export function createReceivers(): Receivers {
  // The spans are counted, not kept: the service may run for days.
  const a = createBackend({ limit: 1_000 })
  const b = createBackend({ limit: 1_000 })
  return {
    a,
    b,
    spans: () => a.spanCount + b.spanCount,
    async open() {
      await Promise.all([a.listen(), b.listen()])
    },
    async close() {
      await Promise.all([a.close(), b.close()])
    },
  }
}
