import type { Setup } from './clients.ts'

/** The configuration of an exporter: the one in force, and the one that a change under way would put in its place. */
export interface Configuration {
  inForce(): Setup
  /** Returns the arguments with which a candidate is opened. */
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
