import type { QueuemizerTelemetry } from './events.ts'
import { perform, type Work, type WorkResult } from './work.ts'

export interface Job {
  readonly id: string
  readonly kind: Work['kind']
  readonly state: 'queued' | 'working' | 'done' | 'failed'
  readonly result?: WorkResult
  readonly error?: string
}

export interface JobCounts {
  readonly queued: number
  readonly working: number
  readonly done: number
  readonly failed: number
}

export interface Jobs {
  newId(): string
  /** False when the queue is full. `traceparent` is the request that brought the job. */
  submit(id: string, work: Work, traceparent: string): boolean
  find(id: string): Job | undefined
  counts(): JobCounts
  /** Resolves when nothing is queued or worked on. */
  idle(): Promise<void>
}

interface Waiting {
  readonly id: string
  readonly work: Work
  readonly traceparent: string
  readonly since: number
}

const queueLimit = 1_000
const remembered = 10_000

/** A bounded queue and `workers` that work it off, instrumented. */
export function createJobs(telemetry: QueuemizerTelemetry, workers: number): Jobs {
  const queue: Waiting[] = []
  const jobs = new Map<string, Job>()
  const onIdle: (() => void)[] = []
  let lastId = 0
  let working = 0
  let done = 0
  let failed = 0

  const remember = (job: Job): void => {
    jobs.set(job.id, job)
    if (jobs.size <= remembered) return
    const [oldest] = jobs.keys()
    jobs.delete(oldest!)
  }

  const workOff = async ({ id, work, traceparent, since }: Waiting): Promise<void> => {
    const { kind } = work
    const labels = { correlation_id: id, kind }
    telemetry.emit('queuemizer.wait.success', { duration_ms: performance.now() - since }, labels)
    remember({ id, kind, state: 'working' })
    try {
      const result = await telemetry.span(
        'queuemizer.work',
        { ...labels, traceparent, bytes: work.body.length },
        () => perform(work),
      )
      done += 1
      remember({ id, kind, state: 'done', result })
      telemetry.emit('queuemizer.job.done', { count: 1, bytes: result.bytes }, { kind })
    } catch (error) {
      const { code = 'UNKNOWN', message } = error as NodeJS.ErrnoException
      failed += 1
      remember({ id, kind, state: 'failed', error: message })
      telemetry.emit('queuemizer.job.failed', { count: 1 }, { kind, reason: code })
    }
  }

  const next = (): void => {
    while (working < workers) {
      const waiting = queue.shift()
      if (!waiting) break
      working += 1
      void workOff(waiting).finally(() => {
        working -= 1
        next()
      })
    }
    if (working === 0) for (const resolve of onIdle.splice(0)) resolve()
  }

  return {
    newId: () => {
      lastId += 1
      return `job-${lastId}`
    },
    submit(id, work, traceparent) {
      const { kind, body } = work
      if (queue.length >= queueLimit) {
        telemetry.emit('queuemizer.job.refused', { count: 1 }, { kind })
        return false
      }
      telemetry.emit('queuemizer.job.queued', { count: 1, bytes: body.length }, { kind })
      telemetry.emit('queuemizer.wait.start', {}, { correlation_id: id, kind })
      remember({ id, kind, state: 'queued' })
      queue.push({ id, work, traceparent, since: performance.now() })
      // Off the request: the work of a job is no part of the answer that it is queued.
      setImmediate(next)
      return true
    },
    find: (id) => jobs.get(id),
    counts: () => ({ queued: queue.length, working, done, failed }),
    idle: () =>
      new Promise((resolve) => {
        onIdle.push(resolve)
        next()
      }),
  }
}
