import { dirname } from 'node:path'
import { createPlatter, type DiskStep, type Platter } from '../support/memory-disk.ts'
import { directory } from './stage.ts'

/** What a loss of power leaves of what was not synced. */
export interface Loss {
  /** Whether a change of a name is on the disk. Changes of one file follow one another: after one that is not, no later one is. */
  readonly keepsName: () => boolean
  /** How much of a content is on the disk, from 0 to 1. */
  readonly keptContent: () => number
}

/** By what is left of what was not synced. */
export const losses: Readonly<Record<string, Loss>> = {
  nothing: { keepsName: () => false, keptContent: () => 0 },
  everything: { keepsName: () => true, keptContent: () => 1 },
  'the names alone': { keepsName: () => true, keptContent: () => 0 },
  'names, and contents that are torn': { keepsName: () => true, keptContent: () => 0.5 },
}

/** Some names, in any order among files, and parts of some contents. */
export const someLoss = (random: () => number): Loss => ({
  keepsName: () => random() < 0.5,
  keptContent: () => (random() < 0.3 ? 1 : random()),
})

interface Content {
  readonly bytes: Buffer
  isSynced: boolean
}

type NameChange =
  | { readonly type: 'create'; readonly path: string; readonly content: Content }
  | { readonly type: 'rename'; readonly path: string; readonly to: string }
  | { readonly type: 'unlink'; readonly path: string }

function apply(names: Map<string, Content>, change: NameChange): void {
  const { path } = change
  if (change.type === 'create') names.set(path, change.content)
  else {
    const content = names.get(path)
    names.delete(path)
    if (change.type === 'rename' && content) names.set(change.to, content)
  }
}

/** The disk after these steps and a loss of power. A directory that is synced has its names, a file its content. */
export function cutPower(steps: readonly DiskStep[], { keepsName, keptContent }: Loss): Platter {
  /** As the process saw them, and as they are on the disk. */
  const seen = new Map<string, Content>()
  const onDisk = new Map<string, Content>()
  let pending: NameChange[] = []
  const change = (one: NameChange): void => {
    apply(seen, one)
    pending.push(one)
  }
  for (const step of steps) {
    if (step.type === 'write')
      change({ type: 'create', path: step.path, content: { bytes: step.content, isSynced: false } })
    else if (step.type === 'rename' || step.type === 'unlink') change(step)
    else if (step.type === 'fsync') {
      const content = seen.get(step.path)
      if (content) content.isSynced = true
      else {
        for (const one of pending) if (dirname(one.path) === step.path) apply(onDisk, one)
        pending = pending.filter((one) => dirname(one.path) !== step.path)
      }
    }
  }
  for (const one of pending) {
    if (one.type !== 'create' && !onDisk.has(one.path)) continue
    if (keepsName()) apply(onDisk, one)
  }
  const platter = createPlatter()
  platter.directories.add(directory)
  for (const [path, { bytes, isSynced }] of onDisk) {
    const kept = isSynced ? bytes.length : Math.floor(bytes.length * keptContent())
    // What was not written is zeros, or is not there.
    const torn =
      kept % 2 === 0
        ? Buffer.concat([bytes.subarray(0, kept), Buffer.alloc(bytes.length - kept)])
        : bytes.subarray(0, kept)
    platter.files.set(path, kept === bytes.length ? bytes : torn)
  }
  return platter
}
