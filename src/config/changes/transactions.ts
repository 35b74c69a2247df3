import type { ConfigProblem } from '../../errors.ts'
import { messageOf, TelemetryConfigError, type TelemetryError } from '../../errors.ts'
import type { Layers, Source } from '../layers.ts'
import type { Redactor } from '../shown/redact.ts'
import { applyStep, type Step, writtenBy } from './changes.ts'
import { type ConfigPlan, diffExporters, diffValues, type Picture, type ValueChange } from './plan.ts'

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

/** What is in force: the layers, and what they amount to. */
export interface InForce {
  readonly version: number
  readonly layers: Layers
  readonly picture: Picture
}

export interface TransactionHost {
  /** Everything the layers amount to and everything wrong with it, given what is in force. */
  judge(
    layers: Layers,
    before: Picture,
  ): { readonly picture: Picture; readonly problems: readonly ConfigProblem[] }
  apply(plan: ConfigPlan): Promise<void>
  committed(now: InForce, changes: readonly ValueChange[], sources: readonly Source[]): void
  refused(source: Source, error: TelemetryConfigError): void
  readonly redactor: Redactor
}

export interface Transactions {
  readonly inForce: () => InForce
  /** The layers once everything accepted so far is in force. */
  readonly tentative: () => Layers
  /** Takes a change that was found valid on its own; it settles with its transaction. */
  submit(request: Request): void
  /** Rejects what has not begun, and takes nothing any more. */
  stop(error: TelemetryError): void
}

export const foldSteps = (layers: Layers, request: Pick<Request, 'steps'>): Layers =>
  request.steps.reduce(applyStep, layers)

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

/** Runs one transaction at a time; what arrives meanwhile merges into the next. */
export function createTransactions(initial: InForce, host: TransactionHost): Transactions {
  let now = initial
  let queue: Request[] = []
  const unsettled = new Set<Request>()
  let running = false
  let stoppedWith: TelemetryError | undefined
  let accepted: Layers | undefined = initial.layers

  const asRefusal = (error: unknown): TelemetryConfigError => {
    const problems =
      error instanceof TelemetryConfigError
        ? error.problems.map((problem) => ({ ...problem, message: host.redactor.text(problem.message) }))
        : [{ code: 'CONFIG_REFUSED', path: 'telemetry', message: host.redactor.text(messageOf(error)) }]
    return new TelemetryConfigError(problems)
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
    accepted = undefined
    host.refused(request.source, error)
    request.reject(error)
  }

  const commit = (batch: readonly Request[], next: InForce, changes: readonly ValueChange[]): void => {
    now = next
    if (changes.length > 0) host.committed(now, changes, [...new Set(batch.map(({ source }) => source))])
    settle(batch, changes)
  }

  /** In force as a whole, or in halves when it is refused: the innocent are not refused with the guilty. */
  const attempt = async (batch: readonly Request[]): Promise<void> => {
    const layers = batch.reduce(foldSteps, now.layers)
    const { picture, problems } = host.judge(layers, now.picture)
    try {
      if (problems.length > 0) throw new TelemetryConfigError(problems)
      const changes = diffValues(now.picture, picture, host.redactor)
      if (changes.length === 0) {
        commit(batch, { version: now.version, layers, picture }, changes)
        return
      }
      const version = now.version + 1
      const exporters = diffExporters(now.picture, picture)
      await host.apply({ version, system: picture.system.config, exporters })
      commit(batch, { version, layers, picture }, changes)
    } catch (error) {
      // What a stop cut short was neither right nor wrong.
      if (stoppedWith && problems.length === 0) {
        for (const request of batch) request.reject(stoppedWith)
        return
      }
      const [first] = batch
      if (batch.length === 1 && first) {
        refuse(first, asRefusal(error))
        return
      }
      const half = Math.ceil(batch.length / 2)
      await attempt(batch.slice(0, half))
      await attempt(batch.slice(half))
    }
  }

  const run = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = queue
      queue = []
      await attempt(batch)
    }
    running = false
  }

  const tentative = (): Layers => (accepted ??= [...unsettled].reduce(foldSteps, now.layers))

  return {
    inForce: () => now,
    tentative,
    submit: (request) => {
      accepted = foldSteps(tentative(), request)
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
