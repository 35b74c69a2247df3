import { readFileSync, statSync } from 'node:fs'
import type { TelemetryErrorCode } from '../../error-codes.ts'
import { type ConfigProblem, messageOf, TelemetryConfigError } from '../../errors.ts'
import { isRecord } from '../formats/format.ts'
import type { Entry, Place } from '../layers.ts'
import { pathOf } from '../paths.ts'
import { problemAt } from '../presentation/problems.ts'
import type { Redactor } from '../presentation/redact.ts'
import { type ReadDocument, readDocument, refusedDocument } from './document.ts'
import { interpolate, type NotInterpolated, type Variables } from './interpolate.ts'
import { jsonPositions } from './positions/json.ts'
import { OutlineError, type Positions } from './positions/positions.ts'
import { tomlPositions } from './positions/toml.ts'
import { tomlNow } from './toml.ts'

/** No configuration is larger, and reading more would block the process. */
const maxFileBytes = 1024 * 1024

interface ParsedFile {
  readonly value: unknown
  readonly positions: Positions
}

const refused = (
  file: string,
  code: TelemetryErrorCode,
  why: string,
  at: Partial<ConfigProblem> = {},
): TelemetryConfigError => {
  const place = at.line === undefined ? '' : `:${at.line}:${at.column}`
  return new TelemetryConfigError([
    { code, path: 'telemetry', message: `${String(file)}${place}: ${why}`, source: 'file', file, ...at },
  ])
}

/** Reads the text of a configuration file; throws a TelemetryConfigError `CONFIG_FILE_MISSING` or `CONFIG_FILE_UNREADABLE`. */
export function readConfigText(file: string): string {
  try {
    if (typeof file !== 'string') throw new Error('its path must be a string')
    const facts = statSync(file)
    if (!facts.isFile()) throw new Error('it is not a regular file')
    if (facts.size > maxFileBytes) throw new Error('it is larger than 1 MiB')
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw refused(
      file,
      missing ? 'CONFIG_FILE_MISSING' : 'CONFIG_FILE_UNREADABLE',
      missing ? 'does not exist' : `cannot be read: ${messageOf(error)}`,
    )
  }
}

/** The application's own tables may hold integers that a number cannot. */
const parserOptions = { unsafeKeyBehaviour: 'throw', integersAsBigInt: 'asNeeded' } as const

function parseToml(file: string, text: string): ParsedFile {
  const toml = tomlNow()
  if (toml === undefined) throw refused(file, 'CONFIG_FILE_UNREADABLE', 'cannot be read before the start')
  try {
    const positions = tomlPositions(text)
    return { value: toml.parse(text, parserOptions), positions }
  } catch (error) {
    if (error instanceof OutlineError) throw error
    if (!(error instanceof toml.TomlError)) throw refused(file, 'CONFIG_FILE_SYNTAX', 'is not valid TOML')
    // The rest of its message quotes the lines around, which may hold secrets.
    const why = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '')
    const { line, column } = error
    throw refused(file, 'CONFIG_FILE_SYNTAX', `is not valid TOML: ${why}`, { line, column })
  }
}

function parseJson(file: string, text: string): ParsedFile {
  const positions = jsonPositions(text)
  try {
    return { value: JSON.parse(text), positions }
  } catch {
    throw refused(file, 'CONFIG_FILE_SYNTAX', 'is not valid JSON')
  }
}

function parse(file: string, text: string): ParsedFile {
  const isJson = /\.json$/i.test(file)
  try {
    // Some editors leave a byte order mark; it says nothing here.
    const plain = text.startsWith('\ufeff') ? text.slice(1) : text
    return isJson ? parseJson(file, plain) : parseToml(file, plain)
  } catch (error) {
    if (!(error instanceof OutlineError)) throw error
    const why = `cannot be read as ${isJson ? 'JSON' : 'TOML'}: ${error.message}`
    throw refused(file, 'CONFIG_FILE_SYNTAX', why, error.position)
  }
}

interface FilledIn {
  readonly value: unknown
  /** The value as it may be seen. */
  readonly shown: unknown
  /** The value is one reference and nothing else. */
  readonly whole: boolean
  readonly wrong?: NotInterpolated
}

/** Fills in the references in a value of a file. */
function fillIn(value: unknown, variables: Variables, redactor: Redactor): FilledIn {
  if (typeof value === 'string') {
    const result = interpolate(value, variables)
    if ('wrong' in result) return { value, shown: undefined, whole: false, wrong: result }
    redactor.learn(result.secrets, true)
    return { value: result.text, shown: result.shown, whole: result.whole }
  }
  if (!Array.isArray(value) && !isRecord(value)) return { value, shown: value, whole: false }
  const parts = Object.entries(value).map(
    ([key, inner]) => [key, fillIn(inner, variables, redactor)] as const,
  )
  const wrongs = parts.flatMap(([, { wrong }]) => wrong ?? [])
  // A malformed reference stays one, whichever variables are set.
  const wrong = wrongs.find(({ unset }) => !unset) ?? wrongs[0]
  if (!wrong && parts.every(([key, part]) => part.value === (value as Record<string, unknown>)[key]))
    return { value, shown: value, whole: false }
  const build = (pick: 'value' | 'shown'): unknown =>
    Array.isArray(value)
      ? parts.map(([, part]) => part[pick])
      : Object.fromEntries(parts.map(([key, part]) => [key, part[pick]]))
  const whole = { value: build('value'), shown: build('shown'), whole: false }
  return wrong === undefined ? whole : { ...whole, wrong }
}

/** Reads the text of a file into its layer: TOML, or JSON by its extension. */
export function parseConfigText(
  file: string,
  text: string,
  variables: Variables,
  redactor: Redactor,
): ReadDocument {
  let parsed: ParsedFile
  try {
    parsed = parse(file, text)
  } catch (error) {
    if (!(error instanceof TelemetryConfigError)) throw error
    return refusedDocument(error)
  }
  const { value: document, positions } = parsed
  const start = { line: 1, column: 1 }
  const at = (keys: readonly string[]) => ({
    file,
    ...(keys.length === 0 ? start : positions.locate(keys)),
  })

  const entry = (place: Place, raw: unknown): Entry | ConfigProblem => {
    const { id, key } = place
    const keys = id === undefined ? ['telemetry', key] : ['telemetry', id, key]
    const parts = Array.isArray(raw) ? positions.partsOf(keys) : undefined
    const position = { ...at(keys), ...(parts && { parts }) }
    const { value, shown, whole, wrong } = fillIn(raw, variables, redactor)
    const said: Entry = { value, source: 'file', ...position }
    // Whether a variable that is not set does any harm is known when all layers are.
    if (wrong?.unset) return { ...said, value: undefined, lacking: wrong.wrong }
    if (wrong) return problemAt('CONFIG_INTERPOLATION', pathOf(id, key), said, wrong.wrong)
    return whole || shown !== value ? { ...said, text: whole, shown } : said
  }

  return readDocument(document, {
    source: 'file',
    wrapping: 'whole',
    entry,
    position: at,
  })
}
