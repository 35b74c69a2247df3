import { readFileSync, statSync } from 'node:fs'
import { type ConfigProblem, messageOf, TelemetryConfigError } from '../../errors.ts'
import { isRecord } from '../formats/reading.ts'
import type { Entry, Place } from '../layers.ts'
import { pathOf } from '../paths.ts'
import type { Redactor } from '../shown/redact.ts'
import { type ReadDocument, readDocument } from './document.ts'
import { interpolate, type Variables } from './interpolate.ts'
import { JsonError, jsonPositions } from './positions/json.ts'
import type { Positions } from './positions/positions.ts'
import { tomlPositions } from './positions/toml.ts'
import { tomlNow } from './toml.ts'

/** More is no configuration, and would block the process while it is read. */
const largestFile = 1024 * 1024

interface ParsedFile extends Positions {
  readonly value: unknown
}

const refused = (
  file: string,
  code: string,
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
    if (facts.size > largestFile) throw new Error('it is larger than 1 MiB')
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw refused(
      file,
      missing ? 'CONFIG_FILE_MISSING' : 'CONFIG_FILE_UNREADABLE',
      missing ? 'there is no such file' : `cannot be read: ${messageOf(error)}`,
    )
  }
}

function parseToml(file: string, text: string): ParsedFile {
  const toml = tomlNow()
  if (toml === undefined) throw refused(file, 'CONFIG_FILE_UNREADABLE', 'cannot be read before the start')
  try {
    return { value: toml.parse(text, { unsafeKeyBehaviour: 'throw' }), ...tomlPositions(text) }
  } catch (error) {
    if (!(error instanceof toml.TomlError)) throw refused(file, 'CONFIG_FILE_SYNTAX', 'is no TOML')
    // The rest of its message quotes the lines around, which may hold secrets.
    const why = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '')
    const { line, column } = error
    throw refused(file, 'CONFIG_FILE_SYNTAX', `is no TOML: ${why}`, { line, column })
  }
}

function parseJson(file: string, text: string): ParsedFile {
  try {
    const positions = jsonPositions(text)
    return { value: JSON.parse(text), ...positions }
  } catch (error) {
    const at = error instanceof JsonError ? error.position : {}
    const why = error instanceof JsonError ? `: ${error.message}` : ''
    throw refused(file, 'CONFIG_FILE_SYNTAX', `is no JSON${why}`, at)
  }
}

/** The value of a file with references filled in, what may be seen of it, and what is wrong. */
function interpolateValue(
  value: unknown,
  variables: Variables,
  redactor: Redactor,
): { value: unknown; shown: unknown; whole: boolean; wrong?: string } {
  if (typeof value === 'string') {
    const result = interpolate(value, variables)
    if (typeof result === 'string') return { value, shown: undefined, whole: false, wrong: result }
    redactor.learn(result.secrets, true)
    return { value: result.text, shown: result.shown, whole: result.whole }
  }
  if (typeof value !== 'object' || value === null) return { value, shown: value, whole: false }
  if (!Array.isArray(value) && !isRecord(value)) return { value, shown: value, whole: false }
  const parts = Object.entries(value).map(
    ([key, inner]) => [key, interpolateValue(inner, variables, redactor)] as const,
  )
  const wrong = parts.find(([, part]) => part.wrong !== undefined)?.[1].wrong
  const build = (pick: 'value' | 'shown'): unknown =>
    Array.isArray(value)
      ? parts.map(([, part]) => part[pick])
      : Object.fromEntries(parts.map(([key, part]) => [key, part[pick]]))
  return { value: build('value'), shown: build('shown'), whole: false, ...(wrong !== undefined && { wrong }) }
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
    // A byte order mark is what some editors leave; it says nothing here.
    const plain = text.startsWith('\ufeff') ? text.slice(1) : text
    parsed = /\.json$/i.test(file) ? parseJson(file, plain) : parseToml(file, plain)
  } catch (error) {
    if (!(error instanceof TelemetryConfigError)) throw error
    return { tables: { system: new Map(), exporters: new Map() }, problems: error.problems }
  }
  const at = (keys: readonly string[]) => ({ file, ...parsed.locate(keys) })

  const entry = (place: Place, raw: unknown): Entry | ConfigProblem => {
    const path = pathOf(place.id, place.key)
    const position = at(path.split('.'))
    const { value, shown, whole, wrong } = interpolateValue(raw, variables, redactor)
    if (wrong !== undefined) {
      const where = 'line' in position ? `${file}:${position.line}:${position.column}` : file
      return {
        code: 'CONFIG_INTERPOLATION',
        path,
        message: `${path} (${where}) ${wrong}`,
        source: 'file',
        ...position,
      }
    }
    return {
      value,
      source: 'file',
      ...(whole && { text: true }),
      ...(shown !== value && { shown }),
      ...position,
    }
  }

  return readDocument(parsed.value, {
    source: 'file',
    wrapped: true,
    entry,
    located: (problem, keys) => ({ ...problem, ...at(keys) }),
  })
}
