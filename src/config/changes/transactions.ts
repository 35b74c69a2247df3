import { setImmediate as nextTurn } from 'node:timers/promises'
import { messageOf, TelemetryConfigError, type TelemetryError } from '../../errors.ts'
import type { ResolvedConfig } from '../judge.ts'
import type { Source } from '../layers.ts'
import type { Redactor } from '../presentation/redact.ts'
import { type ConfigPlan, diffExporters, diffValues, type ValueChange } from './plan.ts'
import { type Step, writtenBy } from './steps.ts'

/** The result of a configuration change. */
export interface PutResult {
  readonly version: number
  /** Effective values that this change altered, with secrets redacted. */
  readonly changes: readonly ValueChange[]
  /** True if later changes of the same transaction overwrote all of it. */
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
  /**
   * Takes a change. Resolves when it is in force; rejects with a TelemetryConfigError, or with what `stop` was given.
   */
  submit(source: Source, steps: readonly Step[]): Promise<PutResult>
  /** Rejects all changes that wait, and all that are submitted later. */
  stop(error: TelemetryError): void
}

/** A path and all that it lies below. */
function upwards(path: string): string[] {
  const paths = [path]
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1))
    paths.push(path.slice(0, dot))
  return paths
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
  const lastWriter = new Map<string, number>()
  const claimants = new Map<string, Set<number>>()
  for (const [i, { steps }] of requests.entries()) {
    for (const step of steps) {
      lastWriter.set(covering(step), i)
      const path = claiming(step)
      claimants.set(path, (claimants.get(path) ?? new Set()).add(i))
    }
  }
  const lastOver = (path: string): number =>
    Math.max(...upwards(path).map((one) => lastWriter.get(one) ?? -1))
  const own = requests.map((): ValueChange[] => [])
  for (const change of changes) {
    const last = lastOver(change.path)
    const writers = new Set(upwards(change.path).flatMap((one) => [...(claimants.get(one) ?? [])]))
    for (const i of writers) if (i >= last) own[i]!.push(change)
  }
  return requests.map(({ steps }, i) => {
    const superseded = steps.length > 0 && steps.every((step) => lastOver(covering(step)) > i)
    return superseded ? { version, changes: [], superseded } : { version, changes: own[i]! }
  })
}

/** The type of an exporter is fixed while it exists, so one that comes back as another takes two transactions. */
const replacesExporter = (before: ResolvedConfig, after: ResolvedConfig): boolean =>
  [...after.exporters].some(([id, { schema }]) => (before.exporters.get(id)?.schema ?? schema) !== schema)

/** A large burst of changes is judged in several turns of the event loop. */
const maxTurnMs = 10

/** Runs one transaction at a time; changes that arrive meanwhile are judged, and form the next. */
export function createTransactions(host: TransactionHost): Transactions {
  const { redactor } = host
  /** Changes that are not judged yet. The first may be invalid only after those before it, which may be refused. */
  let waiting: Request[] = []
  /** The next transaction: each change is valid after those before it. */
  let batch: Request[] = []
  /** The configuration if the transaction under way and the next are accepted; undefined: the one in force. */
  let expected: ResolvedConfig | undefined
  /** How many changes may form a transaction, and what as many of the next make. Bisects what was refused. */
  let limit = Number.POSITIVE_INFINITY
  let expectedAtLimit: ResolvedConfig | undefined
  let judging = false
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

  const judged = (
    { source, steps }: Request,
    base: ResolvedConfig,
  ): ResolvedConfig | TelemetryConfigError => {
    try {
      return host.judge(source, steps, base)
    } catch (error) {
      return asRefusal(error)
    }
  }

  /** Validates the first queued change. Returns false if no change is queued, or if it has to wait longer. */
  const judgeNext = (): boolean => {
    const [request] = waiting
    if (!request) return false
    const { config } = host.inForce()
    const after = judged(request, expected ?? config)
    if (after instanceof TelemetryConfigError) {
      // Only the changes before it may make it invalid, and they may be refused themselves.
      if (expected && expected !== config && !(judged(request, config) instanceof TelemetryConfigError))
        return false
      request.reject(after)
    } else {
      expected = after
      if (batch.push(request) === limit) expectedAtLimit = after
    }
    waiting.shift()
    return true
  }

  const judgeWaiting = async (): Promise<void> => {
    let since = performance.now()
    while (judgeNext()) {
      if (performance.now() - since < maxTurnMs) continue
      await nextTurn()
      since = performance.now()
    }
    judging = false
    if (batch.length > 0 && !running) await runNext()
  }

  const wake = (): void => {
    if (judging || waiting.length + batch.length === 0) return
    judging = true
    // A turn of the microtask queue gathers what the same code puts in a row.
    queueMicrotask(() => void judgeWaiting())
  }

  /** Validates changes again, and the next transaction after them. */
  const judgeAnew = (requests: readonly Request[], base?: ResolvedConfig): void => {
    waiting = [...requests, ...batch, ...waiting]
    batch = []
    expected = base
    wake()
  }

  /** Returns the changes that are to be tried again, in smaller transactions. */
  const apply = async (requests: Request[], config: ResolvedConfig): Promise<Request[]> => {
    const before = host.inForce()
    if (requests.length > 1 && replacesExporter(before.config, config)) return requests
    try {
      const changes = diffValues(before.config, config, redactor)
      const version = before.version + (changes.length > 0 ? 1 : 0)
      if (changes.length > 0) {
        const exporters = diffExporters(before.config, config)
        await host.apply({ version, system: config.system.config, exporters })
      }
      host.commit({ version, config }, changes, [...new Set(requests.map(({ source }) => source))])
      const results = resultsOf(requests, version, changes)
      for (const [i, { resolve }] of requests.entries()) resolve(results[i]!)
    } catch (error) {
      // Interrupted by stop(): rejected as STOPPED, not as invalid.
      if (!stoppedWith && requests.length > 1) return requests
      for (const { reject } of requests) reject(stoppedWith ?? asRefusal(error))
    }
    return []
  }

  const runNext = async (): Promise<void> => {
    running = true
    const isAll = batch.length <= limit
    const config = (isAll ? expected : expectedAtLimit)!
    const requests = batch.splice(0, limit)
    if (!isAll) judgeAnew([], config)
    const refused = await apply(requests, config)
    limit = refused.length > 0 ? Math.ceil(refused.length / 2) : limit * 2
    if (host.inForce().config !== config || limit < Number.POSITIVE_INFINITY) judgeAnew(refused)
    if (waiting.length + batch.length === 0) limit = Number.POSITIVE_INFINITY
    running = false
    wake()
  }

  return {
    submit: (source, steps) =>
      new Promise((resolve, reject) => {
        if (stoppedWith) return reject(stoppedWith)
        waiting.push({ source, steps, resolve, reject })
        wake()
      }),
    stop: (error) => {
      stoppedWith = error
      for (const { reject } of [...batch.splice(0), ...waiting.splice(0)]) reject(error)
    },
  }
}
