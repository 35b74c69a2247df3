import { messageOf, TelemetryConfigError, type TelemetryError } from '../../errors.ts'
import type { ResolvedConfig } from '../judge.ts'
import type { Source } from '../layers.ts'
import type { Redactor } from '../presentation/redact.ts'
import { type ConfigPlan, diffExporters, diffValues, type ValueChange } from './plan.ts'
import { type Step, writtenBy } from './steps.ts'

export interface PutResult {
  readonly version: number
  /** Effective values that this change altered, as they may be seen. */
  readonly changes: readonly ValueChange[]
  /** Later changes of the same transaction overwrote all of it. */
  readonly superseded?: boolean
}

/** A change that waits for its transaction. */
interface Request {
  readonly source: Source
  readonly steps: readonly Step[]
  resolve(result: PutResult): void
  reject(error: TelemetryError): void
}

/** The configuration that runs, and its number. */
export interface InForce {
  readonly version: number
  readonly config: ResolvedConfig
}

export interface TransactionHost {
  inForce(): InForce
  /** Returns what a change makes of a configuration; throws a TelemetryConfigError if it is invalid there. */
  judge(source: Source, steps: readonly Step[], base: ResolvedConfig): ResolvedConfig
  /** Puts a plan in force; rejects if it is refused, and then nothing has changed. */
  apply(plan: ConfigPlan): Promise<void>
  commit(next: InForce, changes: readonly ValueChange[], sources: readonly Source[]): void
  readonly redactor: Redactor
}

export interface Transactions {
  /** Takes a change. Resolves when it is in force; rejects with a TelemetryConfigError, or with what `stop` was given. */
  submit(source: Source, steps: readonly Step[]): Promise<PutResult>
  /** Rejects all changes that wait, and all that are submitted later. */
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

/** A document writes every path, but does not overwrite other layers. */
const claiming = (step: Step): string =>
  step.type === 'file' || step.type === 'remote' ? 'telemetry' : writtenBy(step)

/** Gives each request the changes it wrote last; one that wrote nothing last was superseded. */
function resultsOf(
  requests: readonly Request[],
  version: number,
  changes: readonly ValueChange[],
): PutResult[] {
  const later = new Set<string>()
  const results = requests.toReversed().map(({ steps }): PutResult => {
    const superseded = steps.length > 0 && steps.every((step) => covers(later, covering(step)))
    const claimed = new Set(steps.map(claiming))
    const own = changes.filter(({ path }) => !superseded && covers(claimed, path) && !covers(later, path))
    for (const step of steps) later.add(covering(step))
    return { version, changes: own, ...(superseded && { superseded }) }
  })
  return results.reverse()
}

/** The type of an exporter is fixed while it exists, so one that comes back as another takes two transactions. */
const replacesExporter = (before: ResolvedConfig, after: ResolvedConfig): boolean =>
  [...after.exporters].some(([id, { schema }]) => (before.exporters.get(id)?.schema ?? schema) !== schema)

/** Runs one transaction at a time; changes that arrive meanwhile form the next. */
export function createTransactions(host: TransactionHost): Transactions {
  const { redactor } = host
  const queue: Request[] = []
  let running = false
  let stoppedWith: TelemetryError | undefined

  const asRefusal = (error: unknown): TelemetryConfigError => {
    if (!(error instanceof TelemetryConfigError)) {
      const message = redactor.text(messageOf(error))
      return new TelemetryConfigError([{ code: 'CONFIG_REFUSED', path: 'telemetry', message }])
    }
    const problems = error.problems.map((problem) => ({
      ...problem,
      message: redactor.text(problem.message),
    }))
    return new TelemetryConfigError(problems, { omitted: error.omitted })
  }

  const judges = (
    { source, steps }: Request,
    base: ResolvedConfig,
  ): ResolvedConfig | TelemetryConfigError => {
    try {
      return host.judge(source, steps, base)
    } catch (error) {
      return asRefusal(error)
    }
  }

  /**
   * Takes the requests that may run as one, each judged upon those before it. Refuses the invalid ones; one that only
   * those before it make invalid waits until they are in force, since they may be refused themselves.
   */
  const nextBatch = (requests: Request[]) => {
    const before = host.inForce().config
    const batch: Request[] = []
    let config = before
    let read = 0
    for (const request of requests) {
      const after = judges(request, config)
      if (after instanceof TelemetryConfigError) {
        if (batch.length > 0 && !(judges(request, before) instanceof TelemetryConfigError)) break
        request.reject(after)
      } else {
        config = after
        batch.push(request)
      }
      read += 1
    }
    requests.splice(0, read)
    return { batch, config }
  }

  const apply = async (batch: readonly Request[], config: ResolvedConfig): Promise<void> => {
    const before = host.inForce()
    const changes = diffValues(before.config, config, redactor)
    const version = before.version + (changes.length > 0 ? 1 : 0)
    if (changes.length > 0) {
      const exporters = diffExporters(before.config, config)
      await host.apply({ version, system: config.system.config, exporters })
    }
    host.commit({ version, config }, changes, [...new Set(batch.map(({ source }) => source))])
    const results = resultsOf(batch, version, changes)
    for (const [i, { resolve }] of batch.entries()) resolve(results[i]!)
  }

  /** Runs requests in their order, as few transactions. Halves one that is refused, to reject only the offending change. */
  const run = async (requests: Request[]): Promise<void> => {
    while (requests.length > 0) {
      if (stoppedWith) {
        for (const { reject } of requests.splice(0)) reject(stoppedWith)
        return
      }
      const { batch, config } = nextBatch(requests)
      const half = Math.ceil(batch.length / 2)
      const halves = [batch.slice(0, half), batch.slice(half)]
      try {
        if (batch.length > 1 && replacesExporter(host.inForce().config, config))
          for (const part of halves) await run(part)
        else if (batch.length > 0) await apply(batch, config)
      } catch (error) {
        // Interrupted by stop(): rejected as STOPPED, not as invalid.
        if (stoppedWith) for (const { reject } of batch) reject(stoppedWith)
        else if (batch.length === 1) batch[0]?.reject(asRefusal(error))
        else for (const part of halves) await run(part)
      }
    }
  }

  return {
    submit: (source, steps) =>
      new Promise((resolve, reject) => {
        if (stoppedWith) return reject(stoppedWith)
        queue.push({ source, steps, resolve, reject })
        if (running) return
        running = true
        // A turn of the microtask queue gathers what the same code puts in a row.
        queueMicrotask(async () => {
          while (queue.length > 0) await run(queue)
          running = false
        })
      }),
    stop: (error) => {
      stoppedWith = error
      for (const { reject } of queue.splice(0)) reject(error)
    },
  }
}
