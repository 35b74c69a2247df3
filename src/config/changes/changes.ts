import type { ConfigProblem } from '../../errors.ts'
import { isRecord } from '../formats/reading.ts'
import {
  type Entry,
  type Layers,
  noTables,
  type Place,
  type Source,
  type Tables,
  withEntry,
  withoutEntry,
  withoutTable,
  withTable,
} from '../layers.ts'
import { isProblem, parsePath, pathOf, type Target } from '../paths.ts'
import { snapshot, Unusable } from '../snapshot.ts'

/** One step of a change to the layers. */
export type Step =
  | { readonly type: 'set'; readonly place: Place; readonly entry: Entry }
  | { readonly type: 'table'; readonly id: string }
  | { readonly type: 'unset'; readonly target: Target }
  | { readonly type: 'file'; readonly tables: Tables }
  | { readonly type: 'remote'; readonly index: number; readonly tables: Tables }

function unset(layers: Layers, target: Target): Layers {
  const { runtime } = layers
  switch (target.kind) {
    case 'root':
      return { ...layers, runtime: noTables }
    case 'exporter':
      return { ...layers, runtime: withoutTable(runtime, target.id) }
    case 'key':
      return { ...layers, runtime: withoutEntry(runtime, target) }
    case 'system':
      return { ...layers, runtime: withoutEntry(runtime, { id: undefined, key: target.key }) }
  }
}

export function applyStep(layers: Layers, step: Step): Layers {
  switch (step.type) {
    case 'set':
      return { ...layers, runtime: withEntry(layers.runtime, step.place, step.entry) }
    case 'table':
      return { ...layers, runtime: withTable(layers.runtime, step.id) }
    case 'unset':
      return unset(layers, step.target)
    case 'file':
      return { ...layers, file: step.tables }
    case 'remote':
      return { ...layers, remote: layers.remote.with(step.index, step.tables) }
  }
}

/** What a step writes, as paths; a path covers everything below it. */
export function writtenBy(step: Step): string {
  switch (step.type) {
    case 'set':
      return pathOf(step.place.id, step.place.key)
    case 'table':
      return pathOf(step.id)
    case 'unset':
      return step.target.kind === 'root'
        ? 'telemetry'
        : step.target.kind === 'system'
          ? pathOf(undefined, step.target.key)
          : pathOf(step.target.id, step.target.kind === 'key' ? step.target.key : undefined)
    case 'file':
      return ' file'
    case 'remote':
      return ` remote ${step.index}`
  }
}

/** More keys than any configuration has; each costs a copy of its table. */
const mostSteps = 2000

interface ReadChanges {
  readonly steps: readonly Step[]
  readonly problems: readonly ConfigProblem[]
}

/** Reads what `put` was given: `(path, value)` or `({ path: value, … })`. A table as a value means its keys. */
export function readPut(given: readonly unknown[], source: Source, from?: string): ReadChanges {
  const steps: Step[] = []
  const problems: ConfigProblem[] = []

  const visit = (path: string, value: unknown): void => {
    if (steps.length + problems.length > mostSteps) return
    const target = parsePath(path)
    if (isProblem(target)) {
      problems.push({ ...target, source })
      return
    }
    if (target.kind === 'key' || target.kind === 'system') {
      const id = target.kind === 'key' ? target.id : undefined
      const said = value === undefined ? new Unusable('undefined') : value
      steps.push({
        type: 'set',
        place: { id, key: target.key },
        entry: { value: said, source, ...(from !== undefined && { from }) },
      })
      return
    }
    if (!isRecord(value)) {
      const name = target.kind === 'root' ? 'telemetry' : pathOf(target.id)
      problems.push({
        code: 'CONFIG_INVALID_VALUE',
        path: name,
        message: `${name} (${source}) must be a table of keys: use unset to remove it`,
        source,
      })
      return
    }
    if (target.kind === 'exporter') steps.push({ type: 'table', id: target.id })
    const prefix = target.kind === 'root' ? 'telemetry' : pathOf(target.id)
    for (const [key, inner] of Object.entries(value)) visit(`${prefix}.${key}`, inner)
  }

  const changes = snapshot(typeof given[0] === 'string' ? { [given[0]]: given[1] } : given[0])
  if (!isRecord(changes)) {
    const message = `put (${source}) takes a path and a value, or an object of paths and values`
    return { steps, problems: [{ code: 'CONFIG_INVALID_VALUE', path: '', message, source }] }
  }
  for (const [path, value] of Object.entries(changes)) visit(path, value)
  if (steps.length + problems.length > mostSteps) {
    const message = `put (${source}) takes at most ${mostSteps} keys at once`
    return { steps: [], problems: [{ code: 'CONFIG_INVALID_VALUE', path: 'telemetry', message, source }] }
  }
  return { steps, problems }
}

/** Reads what `unset` was given: a path or a list of paths. */
export function readUnset(given: unknown, source: Source): ReadChanges {
  const steps: Step[] = []
  const problems: ConfigProblem[] = []
  for (const path of Array.isArray(given) ? given : [given]) {
    const target = parsePath(path)
    if (isProblem(target)) problems.push({ ...target, source })
    else steps.push({ type: 'unset', target })
  }
  return { steps, problems }
}
