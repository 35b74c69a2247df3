import { labelsIn, labelsText } from './names.ts'

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

/** Returns the operation that an event ends, by its name; undefined if it does not end one. */
export function operationOf(eventName: string): Operation | undefined {
  const dot = eventName.lastIndexOf('.')
  const outcome = dot > 0 ? outcomes.get(eventName.slice(dot + 1)) : undefined
  return outcome && { name: eventName.slice(0, dot), outcome }
}

const label = 'outcome'
/** As Prometheus itself renames a label it has to move aside. */
const movedLabel = 'exported_outcome'

/** The labels with that of the outcome; one of that name in the metadata is moved aside. */
export function withOutcome(text: string, outcome: Operation['outcome']): string {
  const labels = labelsIn(text)
  const names = new Set(labels.map(([name]) => name))
  const all = new Map<string, string>([[label, outcome]])
  for (const [name, value] of labels) {
    if (name !== label) all.set(name, value)
    else if (!names.has(movedLabel)) all.set(movedLabel, value)
  }
  return labelsText([...all].sort(([a], [b]) => (a < b ? -1 : 1)))
}
