import { type ConfigProblem, TelemetryConfigError } from '../../errors.ts'
import { exporterIds, type Layers, type Source } from '../layers.ts'
import { type Step, writtenBy } from './changes.ts'
import type { Judge } from './judge.ts'
import { foldSteps } from './transactions.ts'

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

const isUntrusted = (source: Source): boolean => source === 'admin' || source === 'remote'

/** What someone brings from outside remembers which destinations it was brought for. */
function bound(judge: Judge, steps: readonly Step[], source: Source, base: Layers): readonly Step[] {
  if (!isUntrusted(source)) return steps
  const candidate = foldSteps(base, { steps })
  return steps.map((step) => {
    if (step.type === 'set') return { ...step, entry: judge.bind(step.entry, step.place.id, candidate) }
    return step.type === 'remote' ? { ...step, tables: judge.bindAll(step.tables, candidate) } : step
  })
}

/** Unknown keys can't be unset: a misspelt one would seem to be done. */
function unknownTargets(judge: Judge, steps: readonly Step[], base: Layers, source: Source): ConfigProblem[] {
  const peers = judge.peers(base)
  return steps.flatMap((step) => {
    if (step.type !== 'unset' || step.target.kind !== 'key') return []
    const { id, key } = step.target
    const schema = peers.get(id)
    if (!schema || key === 'type' || schema.keys.has(key)) return []
    const path = writtenBy(step)
    const message = `${path} (${source}) is no key of the exporter type ${schema.type}`
    return [{ code: 'CONFIG_UNKNOWN_KEY', path, message, source }]
  })
}

/**
 * Judges a change on its own, on top of the layers it would come upon; throws a TelemetryConfigError.
 * `complete`: the layers are whole and valid. Before the start they may not be, and a change is judged by its own keys.
 */
export function admitted(
  judge: Judge,
  given: { readonly steps: readonly Step[]; readonly problems: readonly ConfigProblem[] },
  source: Source,
  base: Layers,
  complete: boolean,
): readonly Step[] {
  if (given.problems.length > 0) throw new TelemetryConfigError(given.problems)
  const steps = bound(judge, given.steps, source, base)
  const candidate = foldSteps(base, { steps })
  const ids = touchedBy(steps) ?? new Set(exporterIds(candidate))
  const problems = [
    ...unknownTargets(judge, steps, base, source),
    ...judge.admit(candidate, ids, complete ? base : undefined),
  ]
  const written = new Set(steps.map(writtenBy))
  const isOwn = ({ path, code }: ConfigProblem): boolean =>
    written.has(path) || (code === 'CONFIG_UNKNOWN_TYPE' && ids.has(path.split('.')[1] ?? ''))
  const own = complete ? problems : problems.filter(isOwn)
  if (own.length > 0) throw new TelemetryConfigError(own)
  return steps
}
