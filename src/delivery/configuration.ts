import type { Setup } from './clients.ts'

/** What an exporter is configured with: what is in force, and what a change under way would put in its place. */
export interface Configuration {
  inForce(): Setup
  /** What a candidate is opened with. */
  next(): Setup
  stage(setup: Setup): void
  /** False if nothing was staged. */
  commit(): boolean
  abort(): void
}

export function createConfiguration(initial: Setup): Configuration {
  let inForce = initial
  let staged: Setup | undefined
  return {
    inForce: () => inForce,
    next: () => staged ?? inForce,
    stage(setup) {
      staged = setup
    },
    commit() {
      if (staged === undefined) return false
      inForce = staged
      staged = undefined
      return true
    },
    abort() {
      staged = undefined
    },
  }
}
