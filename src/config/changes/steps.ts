import { isRecord } from '../formats/format.ts'
import { guardedKeys } from '../keys.ts'
import {
  draftOf,
  type Entry,
  isUntrusted,
  type Layers,
  type Place,
  type Source,
  type Tables,
} from '../layers.ts'
import { isProblem, parsePath, pathOf, pathOfTarget, type Target } from '../paths.ts'
import { createProblems, type ProblemList } from '../presentation/problem-list.ts'
import type { TypeSchema } from '../schema.ts'
import { snapshot, Unusable } from '../snapshot.ts'

/** One step of a change to the layers. */
export type Step =
  | { readonly type: 'set'; readonly place: Place; readonly entry: Entry }
  | { readonly type: 'table'; readonly id: string }
  | { readonly type: 'unset'; readonly target: Target }
  | { readonly type: 'file'; readonly tables: Tables }
  | { readonly type: 'remote'; readonly index: number; readonly tables: Tables }

function unset(runtime: ReturnType<typeof draftOf>, target: Target): void {
  if (target.kind === 'root') runtime.clear()
  else if (target.kind === 'exporter') runtime.removeTable(target.id)
  else runtime.unset({ id: target.kind === 'key' ? target.id : undefined, key: target.key })
}

/** The layers after steps, in their order. */
export function foldSteps(layers: Layers, steps: readonly Step[]): Layers {
  const runtime = draftOf(layers.runtime)
  let { file, remote } = layers
  for (const step of steps) {
    if (step.type === 'set') runtime.set(step.place, step.entry)
    else if (step.type === 'table') runtime.table(step.id)
    else if (step.type === 'unset') unset(runtime, step.target)
    else if (step.type === 'file') file = step.tables
    else remote = remote.with(step.index, step.tables)
  }
  return { ...layers, file, remote, runtime: runtime.done() }
}

/** Returns the path that a step writes; a path covers everything below it. */
export function writtenBy(step: Step): string {
  switch (step.type) {
    case 'set':
      return pathOf(step.place.id, step.place.key)
    case 'table':
      return pathOf(step.id)
    case 'unset':
      return pathOfTarget(step.target)
    case 'file':
      return ' file'
    case 'remote':
      return ` remote ${step.index}`
  }
}

/** The keys and tables that steps write, as paths, without whole documents. */
export const keysOf = (steps: readonly Step[]): string[] =>
  steps.flatMap((step) => (step.type === 'file' || step.type === 'remote' ? [] : [writtenBy(step)]))

/** More keys than anybody changes at once. */
export const maxSteps = 1000

export interface ReadChange {
  readonly steps: readonly Step[]
  readonly problems: ProblemList
}

/** Reads what `put` was given: `(path, value)` or `({ path: value, … })`. A table as a value means its keys. */
export function readPut(given: readonly unknown[], source: Source): ReadChange {
  const steps: Step[] = []
  const problems = createProblems()
  let keys = 0

  const refuse = (path: string, why: string): void =>
    problems.add(path, () => ({
      code: 'CONFIG_INVALID_VALUE',
      path,
      message: `${path || 'put'} (${source}) ${why}`,
      source,
    }))

  const visit = (path: string, value: unknown): void => {
    keys += 1
    if (keys > maxSteps) return
    const target = parsePath(path)
    if (isProblem(target)) {
      problems.add(target.path, () => ({ ...target, source }))
      return
    }
    if (target.kind === 'key' || target.kind === 'system') {
      const id = target.kind === 'key' ? target.id : undefined
      const said = value === undefined ? new Unusable('undefined') : value
      steps.push({ type: 'set', place: { id, key: target.key }, entry: { value: said, source } })
      return
    }
    const prefix = target.kind === 'root' ? 'telemetry' : pathOf(target.id)
    if (!isRecord(value)) {
      refuse(prefix, 'must be a table of keys: use unset to remove it')
      return
    }
    if (target.kind === 'exporter') steps.push({ type: 'table', id: target.id })
    for (const [key, inner] of Object.entries(value)) visit(`${prefix}.${key}`, inner)
  }

  const changes = snapshot(typeof given[0] === 'string' ? { [given[0]]: given[1] } : given[0])
  if (isRecord(changes)) for (const [path, value] of Object.entries(changes)) visit(path, value)
  else if (changes instanceof Unusable) refuse('', `is ${changes.what}, and changes nothing`)
  else refuse('', 'takes a path and a value, or an object of paths and values')
  if (keys <= maxSteps) return { steps, problems }
  const tooMany = createProblems()
  const message = `put (${source}) takes at most ${maxSteps} keys at once`
  tooMany.add('telemetry', () => ({ code: 'CONFIG_INVALID_VALUE', path: 'telemetry', message, source }))
  return { steps: [], problems: tooMany }
}

/** True for keys that limit untrusted sources: without the key, a lower layer might allow more. */
const isGuarded = (target: Target): boolean =>
  target.kind === 'root' ||
  (target.kind === 'system' && (guardedKeys as readonly string[]).includes(target.key))

/** Reads what `unset` was given: a path or a list of paths. */
export function readUnset(given: unknown, source: Source): ReadChange {
  const steps: Step[] = []
  const problems = createProblems()
  const paths = Array.isArray(given) ? given : [given]
  for (const path of paths.slice(0, maxSteps)) {
    const target = parsePath(path)
    if (isProblem(target)) problems.add(target.path, () => ({ ...target, source }))
    else if (isUntrusted(source) && isGuarded(target)) {
      const key = writtenBy({ type: 'unset', target })
      const message = `${key} (${source}) can only be unset by the program`
      problems.add(key, () => ({ code: 'CONFIG_FORBIDDEN', path: key, message, source }))
    } else steps.push({ type: 'unset', target })
  }
  if (paths.length > maxSteps) {
    const message = `unset (${source}) takes at most ${maxSteps} paths at once`
    problems.add('', () => ({ code: 'CONFIG_PATH', path: '', message, source }))
  }
  return { steps, problems }
}

/** Finds the keys to be unset that do not exist: a misspelt one would seem to be done. */
export function unknownTargets(
  steps: readonly Step[],
  peers: ReadonlyMap<string, TypeSchema>,
  source: Source,
  problems: ProblemList,
): void {
  for (const step of steps) {
    if (step.type !== 'unset' || step.target.kind !== 'key') continue
    const { id, key } = step.target
    const schema = peers.get(id)
    if (!schema || key === 'type' || schema.keys.has(key)) continue
    const path = writtenBy(step)
    const message = `${path} (${source}) is not a key of the exporter type ${schema.type}`
    problems.add(path, () => ({ code: 'CONFIG_UNKNOWN_KEY', path, message, source }))
  }
}

/** Tells which problems a change has made itself, by their path. For layers that were not sound before it. */
export function ownProblems(steps: readonly Step[]): (path: string) => boolean {
  const written = new Set(steps.map(writtenBy))
  const ids = new Set<string>()
  for (const step of steps) {
    if (step.type === 'table') ids.add(step.id)
    else if (step.type === 'set' && step.place.id !== undefined) ids.add(step.place.id)
  }
  return (path) => {
    const [, id = '', key = 'type', ...rest] = path.split('.')
    // Every change of an exporter must leave it with a type.
    return written.has(path) || (key === 'type' && rest.length === 0 && ids.has(id))
  }
}
