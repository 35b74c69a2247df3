import type { LabelSet } from './names.ts'

/** The end of an operation: `X.success` and `X.error` are two outcomes of X. */
export interface Operation {
  readonly name: string
  readonly outcome: 'success' | 'error'
}

const outcomes: ReadonlyMap<string, Operation['outcome']> = new Map([
  ['success', 'success'],
  ['stop', 'success'],
  ['error', 'error'],
  ['exception', 'error'],
])

/** What an event ends, by its name; undefined for one that ends nothing. */
export function operationOf(eventName: string): Operation | undefined {
  const dot = eventName.lastIndexOf('.')
  const outcome = dot > 0 ? outcomes.get(eventName.slice(dot + 1)) : undefined
  return outcome && { name: eventName.slice(0, dot), outcome }
}

const label = 'outcome'
/** As Prometheus itself renames a label it has to move aside. */
const movedLabel = 'exported_outcome'

/** The labels with that of the outcome; one of that name in the metadata is moved aside. */
export function withOutcome(labels: LabelSet, outcome: Operation['outcome']): LabelSet {
  const values = new Map<string, string>([[label, outcome]])
  for (const [i, name] of labels.names.entries()) {
    const moved = name === label ? movedLabel : name
    if (moved === name || !labels.names.includes(movedLabel)) values.set(moved, labels.values[i]!)
  }
  const names = [...values.keys()].sort()
  return { names, values: names.map((name) => values.get(name)!) }
}
