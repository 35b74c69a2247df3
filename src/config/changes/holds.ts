import type { ConfigProblem } from '../../errors.ts'
import type { KeySchema } from '../../exporters/exporter.ts'
import type { Reading } from '../formats/reading.ts'
import type { Entry, LayerName } from '../layers.ts'
import { valueProblem } from '../shown/problems.ts'
import type { Redactor } from '../shown/redact.ts'
import type { EnvironmentEntry } from '../sources/environment.ts'

/** A value that a layer gives to a key, in the shape drivers see. */
export interface Held {
  readonly layer: LayerName
  readonly entry: Entry
  readonly value: unknown
}

export type ReadEntry = (key: KeySchema, entry: Entry) => Reading

/** What layers say about one key, strongest first, and what is wrong with it. */
export function holds(
  path: string,
  key: KeySchema,
  said: readonly (readonly [LayerName, Entry])[],
  read: ReadEntry,
  redactor: Redactor,
): { held: Held[]; problems: ConfigProblem[] } {
  const held: Held[] = []
  const problems: ConfigProblem[] = []
  for (const [layer, entry] of said) {
    const { ecosystem, failed } = entry as Partial<EnvironmentEntry>
    const reading = failed === undefined ? read(key, entry) : { wrong: 'readable' }
    if ('value' in reading) held.push({ layer, entry, value: reading.value })
    // A variable that others share is our business only where it would be in force.
    else if (!ecosystem || held.length === 0)
      problems.push(valueProblem(path, key, entry, reading.wrong, redactor))
  }
  return { held, problems }
}
