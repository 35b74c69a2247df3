import { type ConfigProblem, TelemetryConfigError, TelemetryError } from '../errors.ts'
import { guardedLogger } from '../logger.ts'
import { admitted } from './changes/admission.ts'
import { readPut, readUnset, type Step } from './changes/changes.ts'
import { createJudge } from './changes/judge.ts'
import { diffValues, type ExporterConfig, exporterConfig, type ValueChange } from './changes/plan.ts'
import {
  createTransactions,
  foldSteps,
  type InForce,
  type PutResult,
  type Transactions,
} from './changes/transactions.ts'
import type { ConfigStore, StoreOptions } from './contract.ts'
import { type Layers, noTables, type Source, type Tables } from './layers.ts'
import { createTypeSchemas, isSensitive, loadConvict } from './schema.ts'
import { explainPicture, shownAt, shownConfig } from './shown/explain.ts'
import { createRedactor } from './shown/redact.ts'
import { createReports } from './shown/reports.ts'
import { createSubscribers } from './shown/subscribers.ts'
import { readDocument } from './sources/document.ts'
import { createEnvironment } from './sources/environment.ts'
import { createFileFeed } from './sources/file-feed.ts'
import { createRemoteFeed } from './sources/remote.ts'
import { loadToml, tomlNow } from './sources/toml.ts'

export type { ConfigPlan, ExporterChange, ExporterConfig, ValueChange } from './changes/plan.ts'
export type { PutResult } from './changes/transactions.ts'
export type {
  ConfigOptions,
  ConfigSource,
  ConfigStatus,
  ConfigStore,
  SettledChange,
  SourceStatus,
  StoreOptions,
} from './contract.ts'
export type { SystemConfig } from './keys.ts'
export type { Explanation } from './shown/explain.ts'

const stopped = (): TelemetryError =>
  new TelemetryError('STOPPED', 'telemetry is stopped: its configuration is final')

type Given = { readonly steps: readonly Step[]; readonly problems: readonly ConfigProblem[] }

/** The configuration: layers, what they amount to, and one transaction at a time to change it. */
export function createConfigStore(options: StoreOptions): ConfigStore {
  const { clock } = options
  const logger = guardedLogger(options.logger)
  const redactor = createRedactor()
  const schemas = createTypeSchemas(options.types)
  const subscribers = createSubscribers(logger, redactor)
  const reports = createReports(clock, logger, redactor)
  const init = readDocument(options.init ?? {}, { source: 'init', wrapped: false })
  const file = options.file === undefined ? undefined : createFileFeed(options.file, clock, logger, redactor)
  let environment = createEnvironment(options.env ?? process.env)
  let judge = createJudge(schemas, environment, redactor)
  let phase: 'new' | 'starting' | 'started' | 'stopped' = 'new'
  let starting: Promise<unknown> = Promise.resolve()
  let transactions: Transactions | undefined
  let warnings: readonly string[] = []

  const inForceOf = (version: number, layers: Layers): InForce => ({
    version,
    layers,
    picture: judge.judge(layers).picture,
  })

  /** Before the start: what can be known at once. What is wrong with it is said by the start. */
  const earlyFile = (): Tables => {
    const early = file?.read(options.env ?? process.env)
    return early?.problems.length === 0 ? early.tables : noTables
  }
  let before = inForceOf(0, {
    file: earlyFile(),
    init: init.tables,
    remote: (options.remote ?? []).map(() => noTables),
    runtime: noTables,
  })

  const inForce = (): InForce => transactions?.inForce() ?? before

  /** Secrets in force are not forgotten, however many were tried since they were put. */
  const remember = ({ picture }: InForce): void => {
    for (const { schema, config } of picture.exporters.values()) {
      for (const [name, key] of schema.keys) {
        if (key.format === 'headers') redactor.learnHeaders(config[name])
        else if (isSensitive(key)) redactor.learn(config[name])
      }
    }
  }

  const committed = (now: InForce, changes: readonly ValueChange[], sources: readonly Source[]): void => {
    remember(now)
    subscribers.notify(changes)
    reports.applied(sources.join(', '), now.version, changes)
  }

  const refused = (source: Source, error: TelemetryConfigError): void =>
    reports.rejected(source, inForce().version, error)

  const landEarly = (given: Given, source: Source): PutResult => {
    const steps = admitted(judge, given, source, before.layers, false)
    const next = inForceOf(0, foldSteps(before.layers, { steps }))
    const changes = diffValues(before.picture, next.picture, redactor)
    before = next
    subscribers.notify(changes)
    return { version: 0, changes }
  }

  const change = async (source: Source, given: Given): Promise<PutResult> => {
    if (file && !transactions && tomlNow() === undefined) {
      await loadToml()
      if (phase === 'new') before = inForceOf(0, { ...before.layers, file: earlyFile() })
    }
    // What was asked during a start waits for its end, in its order.
    if (phase === 'starting') await starting.catch(() => {})
    if (phase === 'stopped') throw stopped()
    try {
      const into = transactions
      if (!into) return landEarly(given, source)
      const steps = admitted(judge, given, source, into.tentative(), true)
      return await new Promise((resolve, reject) => into.submit({ source, steps, resolve, reject }))
    } catch (error) {
      if (error instanceof TelemetryConfigError) refused(source, error)
      throw error
    }
  }

  /** A change that nobody waits for: its refusal is in the status, and in the log. */
  const changeUnasked = (source: Source, given: Given): void => {
    change(source, given).catch((error) => {
      if (phase !== 'stopped')
        logger.warn({ source, error: redactor.text(String(error)) }, 'a configuration was refused')
    })
  }

  /** Documents heard before there are transactions. */
  const waiting = new Map<number, Given>()

  const feeds = (options.remote ?? []).map((source, index) => {
    const name = source.name ?? `remote ${index + 1}`
    const heard = (document: unknown): void => {
      const read = readDocument(document, { source: 'remote', wrapped: false, from: name })
      const given: Given = {
        steps: [{ type: 'remote', index, tables: read.tables }],
        problems: read.problems,
      }
      if (transactions || phase === 'stopped') changeUnasked('remote', given)
      else waiting.set(index, given)
    }
    const lost = (error: string): void =>
      logger.warn({ source: name, error: redactor.text(error) }, 'a remote configuration source is lost')
    return { name, ...createRemoteFeed(source, clock, heard, lost) }
  })
  const begin = async (): Promise<void> => {
    const variables = { ...(options.env ?? process.env) }
    environment = createEnvironment(variables)
    judge = createJudge(schemas, environment, redactor)
    if (file && tomlNow() === undefined) await loadToml()
    const read = file?.read(variables)
    await loadConvict()
    let layers: Layers = { ...before.layers, file: read?.tables ?? noTables }
    const judgement = judge.judge(layers)
    const problems = [...init.problems, ...(read?.problems ?? []), ...judgement.problems]
    if (problems.length > 0) throw new TelemetryConfigError(problems)
    await Promise.all(feeds.map((feed) => feed.start()))
    if (phase === 'stopped') throw stopped()
    // A bad document in a store that a fleet shares must not keep each of its processes from starting.
    for (const [, given] of waiting) {
      try {
        layers = foldSteps(layers, { steps: admitted(judge, given, 'remote', layers, true) })
      } catch (error) {
        if (!(error instanceof TelemetryConfigError)) throw error
        refused('remote', error)
      }
    }
    waiting.clear()
    warnings = environment
      .unknown(judge.peers(layers))
      .map((name) => `environment variable ${name} names no key of its exporter`)
    for (const warning of warnings) logger.warn({}, warning)
    before = inForceOf(1, layers)
    transactions = createTransactions(before, {
      judge: (next, was) => judge.judge(next, was),
      apply: options.apply,
      committed,
      refused,
      redactor,
    })
    await file?.watch(({ tables, problems }) =>
      changeUnasked('file', { steps: [{ type: 'file', tables }], problems }),
    )
  }

  const exporters = (): ReadonlyMap<string, ExporterConfig> => {
    const { picture } = inForce()
    return new Map([...picture.exporters].map(([id, resolved]) => [id, exporterConfig(resolved, picture)]))
  }

  const start = async (): Promise<ReadonlyMap<string, ExporterConfig>> => {
    if (phase === 'stopped') throw stopped()
    if (phase === 'starting') await starting
    if (phase === 'started') return exporters()
    phase = 'starting'
    starting = begin()
    try {
      await starting
      if ((phase as string) === 'stopped') throw stopped()
      phase = 'started'
      return exporters()
    } catch (error) {
      for (const feed of feeds) feed.stop()
      if (phase === 'starting') phase = 'new'
      if (error instanceof TelemetryConfigError)
        refused((error.problems[0]?.source as Source | undefined) ?? 'init', error)
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
    unsetFrom: (source, paths) => change(source, readUnset(paths, source)),
    explain: () => explainPicture(inForce().picture, redactor),
    subscribe: subscribers.add,
    redacted: (id) => {
      const resolved = inForce().picture.exporters.get(id)
      return resolved ? shownConfig(resolved, redactor) : {}
    },
    status: () => ({
      version: inForce().version,
      ...reports.status(),
      sources: [
        ...(file ? [file.status()] : []),
        ...feeds.map(({ name, state }) => {
          const { error, ...rest } = state()
          return { name, ...rest, ...(error !== undefined && { error: redactor.text(error) }) }
        }),
      ],
      warnings,
      subscriber_errors: subscribers.errors(),
    }),
    onSettled: reports.onSettled,
    redactor,
    stop: async () => {
      phase = 'stopped'
      file?.stop()
      for (const feed of feeds) feed.stop()
      transactions?.stop(stopped())
    },
  }
}
