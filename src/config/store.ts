import { TelemetryConfigError, TelemetryError } from '../errors.ts'
import { guardedLogger } from '../logger.ts'
import { diffValues, type ExporterConfig, exporterConfig } from './changes/plan.ts'
import {
  foldSteps,
  keysOf,
  ownProblems,
  type ReadChange,
  readPut,
  readUnset,
  type Step,
  unknownTargets,
} from './changes/steps.ts'
import { createTransactions, type InForce, type PutResult } from './changes/transactions.ts'
import type { ConfigStore, StoreOptions } from './contract.ts'
import { type Convict, convictNow, loadConvict } from './convict.ts'
import { explainConfig, shownAt, shownConfig } from './explain.ts'
import { createFeeds } from './feeds.ts'
import {
  createJudge,
  type Judge,
  type JudgeOptions,
  type ResolvedConfig,
  rememberSecrets,
  unjudged,
} from './judge.ts'
import { noTables, type Source } from './layers.ts'
import { shownName } from './paths.ts'
import { createProblems } from './presentation/problem-list.ts'
import { createRedactor } from './presentation/redact.ts'
import { createReports } from './reporting/reports.ts'
import { createSubscribers } from './reporting/subscribers.ts'
import { createWarnings, fileWarnings, optionWarnings } from './reporting/warnings.ts'
import { createSchemas, type Schemas } from './schema.ts'
import { type ReadDocument, readDocument } from './sources/document.ts'
import { createEnvironment } from './sources/environment.ts'
import { createFileFeed } from './sources/file-feed.ts'
import { sameVariables, type Variables } from './sources/interpolate.ts'
import { loadToml, tomlNow } from './sources/toml.ts'

/** A generous limit: `init` comes from the program, not from a network. */
const maxInitValues = 100_000

const stopped = (): TelemetryError =>
  new TelemetryError('STOPPED', 'telemetry is stopped: its configuration is final')

const nothingToShow = (): never => {
  throw new TelemetryError('NOT_RUNNING', 'no telemetry system runs, so there is no status')
}

/** Most names of application files in the status. */
const maxForeign = 100

/** The configuration: layers, what they amount to, and one transaction at a time to change it. */
export function createConfigStore(options: StoreOptions): ConfigStore {
  const { clock, types } = options
  const logger = guardedLogger(options.logger)
  const redactor = createRedactor()
  const subscribers = createSubscribers(logger, redactor)
  const reports = createReports(clock, logger, redactor)
  const warnings = createWarnings(logger)
  const typeNames = new Set(types.map(({ type }) => type))
  const init = readDocument(options.init ?? {}, {
    source: 'init',
    wrapping: 'optional',
    maxValues: maxInitValues,
  })
  const file = options.file === undefined ? undefined : createFileFeed(options.file, clock, logger, redactor)
  let schemas: Schemas | undefined
  let judge: Judge | undefined
  let phase: 'new' | 'starting' | 'started' | 'stopped' = 'new'
  let starting: Promise<unknown> = Promise.resolve()
  let foreign: readonly string[] = []
  let inForce: InForce = {
    version: 0,
    config: unjudged({
      file: noTables,
      init: init.tables,
      remote: (options.remote ?? []).map(() => noTables),
      runtime: noTables,
    }),
  }
  let variables: Variables = {}
  let environment = createEnvironment(variables)

  /** Reads the environment and the file. */
  const readSources = (): ReadDocument | undefined => {
    const now = { ...(options.env ?? process.env) }
    if (!sameVariables(variables, now)) environment = createEnvironment(now)
    variables = now
    return file?.read(variables)
  }

  const makeJudge = (convict: Convict): Judge => {
    schemas ??= createSchemas(types, convict, redactor)
    judge = createJudge(schemas, environment, redactor)
    return judge
  }

  /** Resolves the configuration as far as possible before the start. start() reports its problems. */
  const lookAhead = (convict: Convict): void => {
    const read = readSources()
    const tables = read?.problems.count === 0 ? read.tables : noTables
    inForce = { version: 0, config: makeJudge(convict)({ ...inForce.config.layers, file: tables }).config }
  }

  warnings.about('options', optionWarnings(options))
  const present = convictNow()
  if (present) lookAhead(present)

  /** Returns what a change makes of a configuration; throws a TelemetryConfigError with every problem it makes there. */
  const judged = (
    source: Source,
    steps: readonly Step[],
    base: ResolvedConfig,
    judgeOptions: JudgeOptions = {},
  ): ResolvedConfig => {
    const problems = createProblems()
    unknownTargets(steps, base.peers, source, problems)
    const maxAdded = base.system.config.max_exporters
    const judgement = judge!(foldSteps(base.layers, steps), base, { maxAdded, ...judgeOptions })
    problems.addAll(judgement.problems)
    if (problems.count > 0) throw problems.error()
    return judgement.config
  }

  const transactions = createTransactions({
    inForce: () => inForce,
    judge: judged,
    apply: options.apply,
    commit: (next, changes, sources) => {
      inForce = next
      if (changes.length === 0) return
      rememberSecrets(next.config, redactor)
      warnings.announce(next.config)
      subscribers.notify(changes)
      reports.applied(sources.join(', '), next.version, changes)
    },
    redactor,
  })

  const refused = (source: Source, error: unknown, steps: readonly Step[] = []): void => {
    if (error instanceof TelemetryConfigError) reports.rejected(source, inForce.version, error, keysOf(steps))
  }

  const landEarly = (steps: readonly Step[], source: Source): PutResult => {
    // The layers may be incomplete: a change answers for its own keys only.
    const isOwn = ownProblems(steps)
    const config = judged(source, steps, inForce.config, { isOwn, beforeStart: true })
    const changes = diffValues(inForce.config, config, redactor)
    inForce = { version: 0, config }
    subscribers.notify(changes)
    return { version: 0, changes }
  }

  const change = async (source: Source, { steps, problems }: ReadChange): Promise<PutResult> => {
    if (phase === 'new' && (!judge || (file && tomlNow() === undefined))) {
      const convict = await loadConvict()
      if (file) await loadToml()
      if (phase === 'new') lookAhead(convict)
    }
    // Changes submitted during start() are queued.
    if (phase === 'starting') await starting.catch(() => {})
    if (phase === 'stopped') throw stopped()
    try {
      if (problems.count > 0) throw problems.error()
      if (phase === 'new') return landEarly(steps, source)
      return await transactions.submit(source, steps)
    } catch (error) {
      refused(source, error, steps)
      throw error
    }
  }

  /** Submits a change whose promise is not awaited: a refusal appears in the status and in the log. */
  const changeUnasked = (source: Source, given: ReadChange): Promise<PutResult> => {
    const changed = change(source, given)
    changed.catch((error) => {
      if (phase !== 'stopped')
        logger.warn({ source, error: redactor.text(String(error)) }, 'a configuration was refused')
    })
    return changed
  }

  const heardFile = (document: ReadDocument): void => {
    foreign = document.foreign.slice(0, maxForeign).map(shownName)
    warnings.about('file', fileWarnings(options.file!, document, typeNames))
  }

  const feeds = createFeeds({
    ...{ sources: options.remote ?? [], clock, logger, redactor },
    status: options.status ?? nothingToShow,
    isStarted: () => phase === 'started' || phase === 'stopped',
    change: (given) => changeUnasked('remote', given),
  })

  const begin = async (): Promise<void> => {
    if (file && tomlNow() === undefined) await loadToml()
    const read = readSources()
    const layers = { ...inForce.config.layers, file: read?.tables ?? noTables }
    const judgement = makeJudge(await loadConvict())(layers, inForce.config, { beforeStart: true })
    const problems = createProblems()
    for (const found of [init.problems, read?.problems, judgement.problems]) if (found) problems.addAll(found)
    if (problems.count > 0) throw problems.error()
    await feeds.start()
    if (phase === 'stopped') throw stopped()
    let { config } = judgement
    const outcomes: (() => void)[] = []
    // A bad document in a store that a fleet shares must not keep each of its processes from starting.
    for (const { steps, problems: found, document, report } of feeds.takeEarly()) {
      try {
        if (found.count > 0) throw found.error()
        config = judged('remote', steps, config)
        outcomes.push(() => report.applied(document))
      } catch (error) {
        if (!(error instanceof TelemetryConfigError)) throw error
        refused('remote', error)
        outcomes.push(() => report.refused(document, error))
      }
    }
    if (read) heardFile(read)
    warnings.about(
      'environment',
      environment
        .unknown(config.peers)
        .map((name) => `environment variable ${name} names no key of its exporter`),
    )
    warnings.announce(config)
    inForce = { version: 1, config }
    phase = 'started'
    for (const tell of outcomes) tell()
    file?.watch((document) => {
      if (document.problems.count === 0) heardFile(document)
      void changeUnasked('file', { ...document, steps: [{ type: 'file', tables: document.tables }] })
    })
  }

  const exporters = (): ReadonlyMap<string, ExporterConfig> =>
    new Map([...inForce.config.exporters].map(([id, resolved]) => [id, exporterConfig(resolved)]))

  const start = async (): Promise<ReadonlyMap<string, ExporterConfig>> => {
    if (phase === 'stopped') throw stopped()
    if (phase === 'starting') await starting
    if (phase === 'started') return exporters()
    phase = 'starting'
    starting = begin()
    try {
      await starting
      if ((phase as string) === 'stopped') throw stopped()
      return exporters()
    } catch (error) {
      feeds.stop()
      if (phase === 'starting') phase = 'new'
      if (error instanceof TelemetryConfigError)
        refused((error.problems[0]?.source as Source | undefined) ?? 'init', error)
      throw error
    }
  }

  return {
    start,
    exporters,
    system: () => inForce.config.system.config,
    get: (path, fallback) => {
      const value = shownAt(inForce.config, path, redactor)
      return value ?? fallback ?? value
    },
    put: (...given: unknown[]) => change('put', readPut(given, 'put')),
    putFrom: (source, changes) => change(source, readPut([changes], source)),
    unset: (paths) => change('put', readUnset(paths, 'put')),
    unsetFrom: (source, paths) => change(source, readUnset(paths, source)),
    explain: () => explainConfig(inForce.config, redactor),
    subscribe: subscribers.add,
    redacted: (id) => {
      const resolved = inForce.config.exporters.get(id)
      return resolved ? shownConfig(resolved, redactor) : {}
    },
    status: () => ({
      version: inForce.version,
      ...reports.status(),
      sources: [...(file ? [file.status()] : []), ...feeds.status()],
      warnings: warnings.list(inForce.config),
      foreign,
      subscriberErrors: subscribers.errors(),
    }),
    onSettled: reports.onSettled,
    stateChanged: feeds.stateChanged,
    reportStopped: feeds.reportStopped,
    redactor,
    stop: async () => {
      phase = 'stopped'
      file?.stop()
      feeds.stop()
      transactions.stop(stopped())
    },
  }
}
