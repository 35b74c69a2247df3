import type { Telemetry } from '../../src/index.ts'

interface JobLabels {
  readonly kind: string
}

/** The events that queuemizer emits by hand; its requests and its work are `span()`s. */
export type QueuemizerEvents = {
  'queuemizer.wait.start': { metadata: JobLabels & { correlation_id: string } }
  'queuemizer.wait.success': {
    measurements: { duration_ms: number }
    metadata: JobLabels & { correlation_id: string }
  }
  'queuemizer.job.queued': { measurements: { count: 1; bytes: number }; metadata: JobLabels }
  'queuemizer.job.done': { measurements: { count: 1; bytes: number }; metadata: JobLabels }
  'queuemizer.job.failed': { measurements: { count: 1 }; metadata: JobLabels & { reason: string } }
  'queuemizer.job.refused': { measurements: { count: 1 }; metadata: JobLabels }
  /** What a careless caller might emit; the scenario does. */
  'queuemizer.hostile': { measurements?: object; metadata?: object }
}

export type QueuemizerTelemetry = Telemetry<QueuemizerEvents>
