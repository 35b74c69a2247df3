import { type ConfigProblem, maxProblems, TelemetryConfigError } from '../../errors.ts'

/** The first problems of a document or a change, and how many more there are. */
export interface ProblemList {
  readonly listed: readonly ConfigProblem[]
  /** How many there are, listed or not. */
  readonly count: number
  /** Adds a problem with what `path` names. `make` runs only while the list has room: texts take time. */
  add(path: string, make: () => ConfigProblem): void
  addAll(other: ProblemList): void
  error(): TelemetryConfigError
}

/** `isOwn`: tells which paths count; the others are no business of this list. */
export function createProblems(isOwn: (path: string) => boolean = () => true): ProblemList {
  const listed: ConfigProblem[] = []
  let count = 0
  return {
    listed,
    get count() {
      return count
    },
    add: (path, make) => {
      if (!isOwn(path)) return
      count += 1
      if (listed.length < maxProblems) listed.push(make())
    },
    addAll: (other) => {
      count += other.count
      listed.push(...other.listed.slice(0, maxProblems - listed.length))
    },
    error: () => new TelemetryConfigError(listed, { omitted: count - listed.length }),
  }
}
