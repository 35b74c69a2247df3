import type { Clock } from '../clock.ts'
import { type ConfigProblem, TelemetryConfigError, TelemetryError } from '../errors.ts'
import type { AnyExporterDefinition } from '../exporters/exporter.ts'
import { guardedLogger, type Logger } from '../logger.ts'
import { readPut, readUnset, type Step, writtenBy } from './changes.ts'
import { readDocument } from './document.ts'
import { createEnvironment } from './environment.ts'
import { type Explanation, explainPicture, shownAt, shownConfig } from './explain.ts'
import { parseConfigText, readConfigText } from './file.ts'
import { createJudge } from './judge.ts'
import type { SystemConfig } from './keys.ts'
import { exporterIds, type Layers, noTables, type Source, type Tables } from './layers.ts'
import { type ConfigPlan, diffValues, type ExporterConfig, exporterConfig, type ValueChange } from './plan.ts'
import { createRedactor, type Redactor } from './redact.ts'
import { createTypeSchemas } from './schema.ts'
import { createSubscribers, type Subscriber } from './subscribers.ts'
import {
  createTransactions,
  foldSteps,
  type InForce,
  type PutResult,
  type Transactions,
} from './transactions.ts'

export type { Explanation } from './explain.ts'
export type { SystemConfig } from './keys.ts'
export type { ConfigPlan, ExporterChange, ExporterConfig, ValueChange } from './plan.ts'
export type { PutResult } from './transactions.ts'

/** Where configuration comes from, in a store far away. */
export interface ConfigSource {
  readonly name?: string
  load(): Promise<Record<string, unknown>> | Record<string, unknown>
  /** Calls `onChange` with each new whole document; returns what stops it. */
  watch?(
    onChange: (document: Record<string, unknown>) => void,
    onError?: (error: unknown) => void,
  ): (() => void) | Promise<() => void>
}

export interface ConfigOptions {
  /** TOML, or JSON by its extension; watched. */
  readonly file?: string
  /** Default: `process.env`. An empty object switches the environment off. */
  readonly env?: Record<string, string | undefined>
  readonly init?: Record<string, unknown>
  readonly remote?: readonly ConfigSource[]
}

/** What became of a change, for self-telemetry. Redacted. */
export interface SettledChange {
  readonly type: 'applied' | 'rejected'
  readonly source: string
  readonly version: number
  readonly changes?: readonly ValueChange[]
  readonly problems?: readonly ConfigProblem[]
}

export interface ConfigStatus {
  readonly version: number
  readonly accepted?: {
    readonly source: string
    readonly at: number
    readonly version: number
    readonly changes: readonly ValueChange[]
  }
  readonly rejected?: {
    readonly source: string
    readonly at: number
    readonly problems: readonly ConfigProblem[]
  }
  readonly sources: readonly SourceStatus[]
  readonly warnings: readonly string[]
  /** Throws of subscribers so far. */
  readonly subscriber_errors: number
}

export interface SourceStatus {
  readonly name: string
  readonly state: 'idle' | 'watching' | 'missing' | 'lost'
  readonly error?: string
}

export interface ConfigStore {
  start(): Promise<ReadonlyMap<string, ExporterConfig>>
  exporters(): ReadonlyMap<string, ExporterConfig>
  system(): SystemConfig
  get(path: string): unknown
  put(path: string, value: unknown): Promise<PutResult>
  put(changes: Record<string, unknown>): Promise<PutResult>
  putFrom(source: 'admin' | 'remote', changes: Record<string, unknown>): Promise<PutResult>
  unset(path: string | readonly string[]): Promise<PutResult>
  explain(): Explanation[]
  subscribe(pattern: string, callback: Subscriber): () => void
  redacted(id: string): Record<string, unknown>
  status(): ConfigStatus
  onSettled(listener: (change: SettledChange) => void): void
  readonly redactor: Redactor
  stop(): Promise<void>
}

export interface StoreOptions extends ConfigOptions {
  readonly types: readonly AnyExporterDefinition[]
  readonly clock: Clock
  readonly logger: Logger
  /** Puts a plan in force; rejects with a TelemetryConfigError when it is refused, and then nothing has changed. */
  apply(plan: ConfigPlan): Promise<void>
}

const stopped = (): TelemetryError =>
  new TelemetryError('STOPPED', 'telemetry is stopped: its configuration is final')

/** The ids that steps may alter; undefined when that may be all. */
function touchedBy(steps: readonly Step[]): ReadonlySet<string> | undefined {
  const ids = new Set<string>()
  for (const step of steps) {
    if (step.type === 'table') ids.add(step.id)
    else if (step.type === 'set' && step.place.id !== undefined) ids.add(step.place.id)
    else if (step.type === 'unset' && 'id' in step.target) ids.add(step.target.id)
    else return undefined
  }
  return ids
}

export function createConfigStore(options: StoreOptions): ConfigStore {
  const { clock, file } = options
  const logger = guardedLogger(options.logger)
  const redactor = createRedactor()
  const schemas = createTypeSchemas(options.types)
  const subscribers = createSubscribers(logger, redactor)
  const listeners: ((change: SettledChange) => void)[] = []
  const init = readDocument(options.init ?? {}, { source: 'init', wrapped: false })
  let variables = { ...(options.env ?? process.env) }
  let judge = createJudge(schemas, createEnvironment(variables), redactor)
  let phase: 'new' | 'starting' | 'started' | 'stopped' = 'new'
  let starting: Promise<unknown> = Promise.resolve()
  let transactions: Transactions | undefined
  let accepted: ConfigStatus['accepted']
  let rejected: ConfigStatus['rejected']
  let warnings: string[] = []

  const picture = (layers: Layers) => judge.judge(layers).picture
  const remoteTables: Tables[] = (options.remote ?? []).map(() => noTables)

  /** Before the start: what can be known at once. What is wrong with it is said by `start`. */
  const firstLayers = (): Layers => {
    let fromFile = noTables
    try {
      if (file !== undefined) {
        const read = parseConfigText(file, readConfigText(file), variables, redactor)
        if (read.problems.length === 0) fromFile = read.tables
      }
    } catch {
      // The start reads it again, and reports.
    }
    return { file: fromFile, init: init.tables, remote: remoteTables, runtime: noTables }
  }
  const initialLayers = firstLayers()
  let before: InForce = { version: 0, layers: initialLayers, picture: picture(initialLayers) }

  const inForce = (): InForce => transactions?.inForce() ?? before

  const tell = (change: SettledChange): void => {
    for (const listener of listeners) {
      try {
        listener(change)
      } catch (error) {
        logger.error({ error: redactor.text(String(error)) }, 'a listener of the configuration failed')
      }
    }
  }

  const refused = (source: Source, error: TelemetryConfigError): void => {
    rejected = { source, at: clock.now(), problems: error.problems }
    tell({ type: 'rejected', source, version: inForce().version, problems: error.problems })
  }

  const committed = (now: InForce, changes: readonly ValueChange[], sources: readonly Source[]): void => {
    const source = sources.join(', ')
    accepted = { source, at: clock.now(), version: now.version, changes }
    subscribers.notify(changes)
    tell({ type: 'applied', source, version: now.version, changes })
  }

  const isUntrusted = (source: Source): boolean => source === 'admin' || source === 'remote'

  /** Credentials from outside are bound to where they were brought for. */
  const bound = (steps: readonly Step[], source: Source, candidate: Layers): readonly Step[] =>
    isUntrusted(source)
      ? steps.map((step) =>
          step.type === 'set' ? { ...step, entry: judge.bind(step.entry, step.place.id, candidate) } : step,
        )
      : steps

  const problemsOf = (
    steps: readonly Step[],
    candidate: Layers,
    base: Layers | undefined,
  ): readonly ConfigProblem[] =>
    judge.admit(candidate, touchedBy(steps) ?? new Set(exporterIds(candidate)), base)

  /** Before the start a change is judged by its own keys only: the rest may not be complete yet. */
  const landEarly = (steps: readonly Step[], source: Source): PutResult => {
    const layers = foldSteps(before.layers, {
      steps: bound(steps, source, foldSteps(before.layers, { steps })),
    })
    const written = new Set(steps.map(writtenBy))
    const ours = problemsOf(steps, layers, undefined).filter((problem) => written.has(problem.path))
    if (ours.length > 0) throw new TelemetryConfigError(ours)
    const next = { version: 0, layers, picture: picture(layers) }
    const changes = diffValues(before.picture, next.picture, redactor)
    before = next
    subscribers.notify(changes)
    return { version: 0, changes }
  }

  const change = async (
    source: Source,
    { steps, problems }: { steps: readonly Step[]; problems: readonly ConfigProblem[] },
  ): Promise<PutResult> => {
    if (phase === 'starting') await starting.catch(() => {})
    if (phase === 'stopped') throw stopped()
    try {
      if (problems.length > 0) throw new TelemetryConfigError(problems)
      if (!transactions) return landEarly(steps, source)
      const base = transactions.tentative()
      const own = bound(steps, source, foldSteps(base, { steps }))
      const wrong = problemsOf(own, foldSteps(base, { steps: own }), base)
      if (wrong.length > 0) throw new TelemetryConfigError(wrong)
      return await submit(transactions, source, own)
    } catch (error) {
      if (error instanceof TelemetryConfigError && !reported.has(error)) refused(source, error)
      throw error
    }
  }

  const reported = new WeakSet<TelemetryConfigError>()

  const submit = (into: Transactions, source: Source, steps: readonly Step[]): Promise<PutResult> =>
    new Promise((resolve, reject) => into.submit({ source, steps, resolve, reject }))

  const host = {
    judge: (layers: Layers, was: InForce['picture']) => judge.judge(layers, was),
    apply: (plan: ConfigPlan) => options.apply(plan),
    committed,
    refused: (source: Source, error: TelemetryConfigError) => {
      reported.add(error)
      refused(source, error)
    },
    redactor,
  }

  const begin = async (): Promise<void> => {
    variables = { ...(options.env ?? process.env) }
    const environment = createEnvironment(variables)
    judge = createJudge(schemas, environment, redactor)
    const problems: ConfigProblem[] = [...init.problems]
    let fromFile = noTables
    try {
      if (file !== undefined) {
        const read = parseConfigText(file, readConfigText(file), variables, redactor)
        fromFile = read.tables
        problems.push(...read.problems)
      }
    } catch (error) {
      if (!(error instanceof TelemetryConfigError)) throw error
      problems.push(...error.problems)
    }
    const layers: Layers = { ...before.layers, file: fromFile }
    const judgement = judge.judge(layers)
    problems.push(...judgement.problems)
    if (problems.length > 0) throw new TelemetryConfigError(problems)
    warnings = environment
      .unknown(judge.peers(layers))
      .map((name) => `environment variable ${name} names no key of its exporter`)
    for (const warning of warnings) logger.warn({}, warning)
    before = { version: 1, layers, picture: judgement.picture }
    transactions = createTransactions(before, host)
  }

  const exporters = (): ReadonlyMap<string, ExporterConfig> => {
    const now = inForce().picture
    return new Map([...now.exporters].map(([id, resolved]) => [id, exporterConfig(resolved, now)]))
  }

  const start = async (): Promise<ReadonlyMap<string, ExporterConfig>> => {
    if (phase === 'stopped') throw stopped()
    if (phase === 'started') return exporters()
    phase = 'starting'
    starting = begin()
    try {
      await starting
      if (phase === 'starting') phase = 'started'
      return exporters()
    } catch (error) {
      if (phase === 'starting') phase = 'new'
      if (error instanceof TelemetryConfigError) refused('file', error)
      throw error
    }
  }

  return {
    start,
    exporters,
    system: () => inForce().picture.system.config,
    get: (path) => shownAt(inForce().picture, path, redactor),
    put: (...given: unknown[]) => change('put', readPut(given, 'put')),
    putFrom: (source, changes) => change(source, readPut([changes], source)),
    unset: (paths) => change('put', readUnset(paths, 'put')),
    explain: () => explainPicture(inForce().picture, redactor),
    subscribe: subscribers.add,
    redacted: (id) => {
      const resolved = inForce().picture.exporters.get(id)
      return resolved ? shownConfig(resolved, redactor) : {}
    },
    status: () => ({
      version: inForce().version,
      ...(accepted && { accepted }),
      ...(rejected && { rejected }),
      sources: [],
      warnings,
      subscriber_errors: subscribers.errors(),
    }),
    onSettled: (listener) => void listeners.push(listener),
    redactor,
    stop: async () => {
      phase = 'stopped'
      transactions?.stop(stopped())
    },
  }
}
