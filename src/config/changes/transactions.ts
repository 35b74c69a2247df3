import { type ConfigProblem, messageOf, TelemetryConfigError, type TelemetryError } from '../../errors.ts'
import type { Judge, ResolvedConfig } from '../judge.ts'
import type { Source } from '../layers.ts'
import type { Redactor } from '../shown/redact.ts'
import { foldSteps, keysOf, type Step, writtenBy } from './changes.ts'
import { type ConfigPlan, diffExporters, diffValues, type ValueChange } from './plan.ts'

/** What a change of the configuration altered. */
export interface PutResult {
  readonly version: number
  /** Effective values that this change altered, as they may be seen. */
  readonly changes: readonly ValueChange[]
  /** Later changes of the same transaction overwrote all of it. */
  readonly superseded?: boolean
}

export interface Request {
  readonly source: Source
  readonly steps: readonly Step[]
  resolve(result: PutResult): void
  reject(error: TelemetryError): void
}

/** What is in force. */
export interface InForce {
  readonly version: number
  readonly config: ResolvedConfig
}

export interface TransactionHost {
  readonly judge: Judge
  apply(plan: ConfigPlan): Promise<void>
  committed(now: InForce, changes: readonly ValueChange[], sources: readonly Source[]): void
  /** `keys`: what the change would have written. */
  refused(source: Source, error: TelemetryConfigError, keys: readonly string[]): void
  readonly redactor: Redactor
}

export interface Transactions {
  readonly inForce: () => InForce
  /** What will be in force once all requests so far are; undefined where that depends on which are refused. */
  readonly expected: () => ResolvedConfig | undefined
  /** Whether a request may be submitted without knowing what it makes. */
  readonly takesUnjudged: () => boolean
  /**
   * Takes a change that makes `after` of what was expected; undefined if that remains to be seen. It settles with its
   * transaction.
   */
  submit(request: Request, after: ResolvedConfig | undefined): void
  /** Rejects what has not begun, and takes nothing any more. */
  stop(error: TelemetryError): void
}

/** Whether `path` is at or below one of the written paths. */
function covers(written: ReadonlySet<string>, path: string): boolean {
  if (written.has(path)) return true
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    if (written.has(path.slice(0, dot))) return true
  }
  return false
}

/** A table without keys writes only its own existence, so it covers nothing below it. */
const covering = (step: Step): string => (step.type === 'table' ? `${writtenBy(step)}.` : writtenBy(step))

/** Each takes a transaction of its own, so they are few. */
const maxApart = 100

/** Runs one transaction at a time; what arrives meanwhile merges into the next. */
export function createTransactions(initial: InForce, host: TransactionHost): Transactions {
  let now = initial
  const queue: Request[] = []
  const unsettled = new Set<Request>()
  /** Requests that are not judged yet, because what they come upon is open. They run on their own. */
  const apart = new WeakSet<Request>()
  let apartCount = 0
  let running = false
  let stoppedWith: TelemetryError | undefined
  /** Follows from what is in force by all requests that are unsettled; undefined once one of them was refused. */
  let expected: ResolvedConfig | undefined = initial.config
  /** Some unsettled request only made sense together with a refused one. */
  let isUncertain = false

  const asRefusal = (error: unknown): TelemetryConfigError => {
    const problems: readonly ConfigProblem[] =
      error instanceof TelemetryConfigError
        ? error.problems.map((problem) => ({ ...problem, message: host.redactor.text(problem.message) }))
        : [{ code: 'CONFIG_REFUSED', path: 'telemetry', message: host.redactor.text(messageOf(error)) }]
    const omitted = error instanceof TelemetryConfigError ? error.omitted : 0
    return new TelemetryConfigError(problems, { omitted })
  }

  /** Each request gets the changes it wrote last; one that wrote nothing last was superseded. */
  const settle = (batch: readonly Request[], changes: readonly ValueChange[]): void => {
    const later = new Set<string>()
    const results = batch.toReversed().map((request): PutResult => {
      const written = new Set(request.steps.map(writtenBy))
      const superseded =
        request.steps.length > 0 && [...request.steps].every((step) => covers(later, covering(step)))
      const own = superseded
        ? []
        : changes.filter(
            ({ path }) =>
              (covers(written, path) || written.has(' file') || hasRemote(written)) && !covers(later, path),
          )
      for (const step of request.steps) later.add(covering(step))
      return { version: now.version, changes: own, ...(superseded && { superseded }) }
    })
    results.reverse()
    batch.forEach((request, i) => {
      unsettled.delete(request)
      request.resolve(results[i]!)
    })
  }

  const refuse = (request: Request, error: TelemetryConfigError): void => {
    unsettled.delete(request)
    expected = undefined
    isUncertain = false
    host.refused(request.source, error, keysOf(request.steps))
    request.reject(error)
  }

  const commit = (batch: readonly Request[], next: InForce, changes: readonly ValueChange[]): void => {
    now = next
    isUncertain = false
    if (changes.length > 0) host.committed(now, changes, [...new Set(batch.map(({ source }) => source))])
    settle(batch, changes)
  }

  /** What requests make of what is in force; they were judged one by one, upon something else if one was refused. */
  const judgeAnew = (requests: Iterable<Request>) =>
    host.judge(
      foldSteps(
        now.config.layers,
        [...requests].flatMap(({ steps }) => steps),
      ),
      now.config,
    )

  /** The type of an exporter is fixed while it exists, so one that comes back as another takes two transactions. */
  const replacesExporter = (config: ResolvedConfig): boolean =>
    [...config.exporters].some(
      ([id, { schema }]) => (now.config.exporters.get(id)?.schema ?? schema) !== schema,
    )

  const attempt = async (batch: readonly Request[], judged?: ResolvedConfig): Promise<void> => {
    let applying = false
    try {
      const { config, problems } = judged ? { config: judged, problems: undefined } : judgeAnew(batch)
      if (problems && problems.count > 0) throw problems.error()
      if (batch.length > 1 && replacesExporter(config)) return await attemptHalves(batch)
      const changes = diffValues(now.config, config, host.redactor)
      if (changes.length === 0) {
        commit(batch, { version: now.version, config }, changes)
        return
      }
      const version = now.version + 1
      const exporters = diffExporters(now.config, config)
      applying = true
      await host.apply({ version, system: config.system.config, exporters })
      commit(batch, { version, config }, changes)
    } catch (error) {
      // Interrupted by stop(): rejected as STOPPED, not as invalid.
      if (stoppedWith && applying) {
        for (const request of batch) request.reject(stoppedWith)
        return
      }
      const [first] = batch
      if (batch.length === 1 && first) refuse(first, asRefusal(error))
      else await attemptHalves(batch)
    }
  }

  /** On refusal, bisects, so that only the offending change is rejected. */
  const attemptHalves = async (batch: readonly Request[]): Promise<void> => {
    const half = Math.ceil(batch.length / 2)
    await attempt(batch.slice(0, half))
    await attempt(batch.slice(half))
  }

  /** Takes the next requests that may run as one: those that were judged upon each other. */
  const nextBatch = (): Request[] => {
    const isAlone = apart.has(queue[0]!)
    if (isAlone) apartCount -= 1
    const end = queue.findIndex((request, i) => i > 0 && (isAlone || apart.has(request)))
    return queue.splice(0, end < 0 ? queue.length : end)
  }

  const run = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = nextBatch()
      await attempt(batch, queue.length === 0 ? expected : undefined)
    }
    running = false
  }

  const expectedConfig = (): ResolvedConfig | undefined => {
    if (expected || isUncertain || apartCount > 0) return expected
    const { config, problems } = judgeAnew(unsettled)
    isUncertain = problems.count > 0
    if (!isUncertain) expected = config
    return expected
  }

  return {
    inForce: () => now,
    expected: expectedConfig,
    takesUnjudged: () => apartCount < maxApart,
    submit: (request, after) => {
      if (expected) expected = after
      if (!after) {
        apart.add(request)
        apartCount += 1
      }
      queue.push(request)
      unsettled.add(request)
      if (running || stoppedWith) return
      running = true
      // A turn of the microtask queue gathers what the same code puts in a row.
      queueMicrotask(() => void run())
    },
    stop: (error) => {
      stoppedWith = error
      for (const request of queue.splice(0)) request.reject(error)
    },
  }
}

const hasRemote = (written: ReadonlySet<string>): boolean => {
  for (const path of written) if (path.startsWith(' remote')) return true
  return false
}
