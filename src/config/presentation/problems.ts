import type { TelemetryErrorCode } from '../../error-codes.ts'
import type { ConfigProblem } from '../../errors.ts'
import type { KeySchema } from '../../exporters/exporter.ts'
import type { PartPath, Refusal } from '../formats/format.ts'
import { isSensitive } from '../key-judge.ts'
import { type Entry, type Position, partKey } from '../layers.ts'
import { shownName } from '../paths.ts'
import { Unusable } from '../snapshot.ts'
import { type Redactor, redacted } from './redact.ts'

const maxShown = 120
/** No secret that is known is longer. */
const maxRead = 16 * 1024 + maxShown

/** Where an entry was said, for a sentence. */
export function whereOf(entry: Entry): string {
  if (entry.source === 'environment') return `environment variable ${entry.from}`
  if (entry.file !== undefined) {
    return entry.line === undefined ? entry.file : `${entry.file}:${entry.line}:${entry.column ?? 1}`
  }
  return entry.from === undefined ? entry.source : `${entry.source} ${entry.from}`
}

/** The value of an entry as it may be seen: whatever is secret in it is not. */
export function shownValue(
  key: KeySchema,
  value: unknown,
  entry: Entry | undefined,
  redactor: Redactor,
): unknown {
  if (value === null || value === undefined || value === '') return value ?? null
  if (key.format === 'headers' && typeof value === 'object') {
    // Which headers are set helps an operator, and is no secret.
    return Object.fromEntries(Object.keys(value).map((name) => [name, redacted]))
  }
  if (isSensitive(key)) return redacted
  const shown = entry?.shown ?? value
  // A value learnt as a secret elsewhere is hidden here too, unless the key's format excludes free text.
  return redactor.value(shown)
}

/** Returns a part of a value; undefined if it does not exist. */
const partOf = (value: unknown, at: PartPath): unknown =>
  at.reduce<unknown>(
    (whole, key) =>
      typeof whole === 'object' && whole !== null && Object.hasOwn(whole, key)
        ? (whole as Record<string | number, unknown>)[key]
        : undefined,
    value,
  )

/** As code has it: `[1].type`. */
const partName = (at: PartPath): string =>
  at.map((key) => (typeof key === 'number' ? `[${key}]` : `.${shownName(key)}`)).join('')

/** The entry as if the part were all of it: with the part's value and place, or those of the innermost table around it. */
function entryOf(entry: Entry, at: PartPath): Entry {
  if (at.length === 0) return entry
  const { parts, shown, ...whole } = entry
  let place: Position | undefined
  for (let length = at.length; length > 0 && !place; length--)
    place = parts?.get(partKey(at.slice(0, length)))
  return {
    ...whole,
    ...place,
    value: partOf(entry.value, at),
    ...(shown !== undefined && { shown: partOf(shown, at) }),
  }
}

function inWords(key: KeySchema, entry: Entry, redactor: Redactor): string {
  const { value } = entry
  if (value instanceof Unusable) return ` is ${value.what}`
  if (value === null || value === undefined) return ` is ${value}`
  if (Array.isArray(value)) return ''
  if (typeof value === 'object') return key.format === 'headers' || key.format === 'tags' ? '' : ' is a table'
  if (isSensitive(key)) return ''
  const raw = entry.shown ?? value
  // Cut twice: a secret that the first cut leaves in two is not shown after the second.
  const shown = redactor.value(typeof raw === 'string' ? raw.slice(0, maxRead) : raw)
  // JSON has no NaN and no infinities: it would say null.
  if (typeof shown === 'number') return ` is ${shown}`
  const text = JSON.stringify(typeof shown === 'string' ? shown.slice(0, maxShown) : shown)
  return ` is ${text ?? String(shown)}${typeof shown === 'string' && shown.length > maxShown ? '…' : ''}`
}

const placed = (entry: Entry): Partial<ConfigProblem> => ({
  source: entry.source,
  ...(entry.file !== undefined && { file: entry.file }),
  ...(entry.line !== undefined && { line: entry.line }),
  ...(entry.column !== undefined && { column: entry.column }),
})

/** A problem with what an entry says about `path`. */
export function problemAt(
  code: TelemetryErrorCode,
  path: string,
  entry: Entry,
  message: string,
): ConfigProblem {
  return {
    code,
    path: shownName(path),
    message: `${shownName(path)} (${whereOf(entry)}) ${message}`,
    ...placed(entry),
  }
}

export function valueProblem(
  path: string,
  key: KeySchema,
  whole: Entry,
  { right, at }: Pick<Refusal, 'right' | 'at'>,
  redactor: Redactor,
): ConfigProblem {
  const entry = entryOf(whole, at)
  const isMissing = at.length > 0 && entry.value === undefined
  const said = isMissing ? ' is missing' : inWords(key, entry, redactor)
  const message = `${said ? `${said.trimStart()}, but must be` : 'must be'} ${right}`
  // The path is that of the key, which is changed as a whole.
  return { ...problemAt('CONFIG_INVALID_VALUE', path + partName(at), entry, message), path: shownName(path) }
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}

const maxDistance = 2

/** The known name that was probably meant. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let meant: string | undefined
  let least = maxDistance + 1
  for (const one of known) {
    if (Math.abs(one.length - name.length) > maxDistance) continue
    const steps = distance(name, one)
    if (steps < least) [meant, least] = [one, steps]
  }
  return meant
}
