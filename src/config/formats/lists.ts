import type { KeySchema } from '../../exporters/exporter.ts'
import { number } from './numbers.ts'
import { control, type Format, isRecord, mostElements, type Reading, wrong } from './reading.ts'
import { isName } from './strings.ts'

const commaSeparated = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

/** Lists of strings; text is comma separated. */
function strings(what: string, accepts: (element: string) => boolean, single = false): Format {
  const right = wrong(`a list of ${what}, at most ${mostElements}`)
  const read = (value: unknown): Reading => {
    const list = single && typeof value === 'string' ? [value] : value
    if (!Array.isArray(list) || list.length > mostElements) return right
    return list.every((element) => isName(element) && accepts(element))
      ? { value: Object.freeze([...list]) }
      : right
  }
  return { read, parse: (text) => read(commaSeparated(text)) }
}

const anything = (): boolean => true

/** One pattern may stand without a list. */
export const patterns = strings('event patterns, such as "queuemizer.*"', anything, true)

export const labels = strings('names', anything)

const hostGlob = /^[A-Za-z0-9_.*?[\]!:-]+$/

function isOrigin(text: string): boolean {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false
  const url = new URL(text)
  return url.pathname === '/' && !url.search && !url.hash && !url.username && !url.password
}

export const destinations = strings(
  'origins such as https://otel.example.com:4318 or host globs such as *.example.com',
  (element) => isOrigin(element) || hostGlob.test(element),
)

const tagText = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= 1024 && !control.test(value)

export const tags: Format = {
  read: (value) => {
    const right = wrong(
      `a table of strings, or a list of strings such as "team:core", at most ${mostElements}`,
    )
    if (Array.isArray(value)) {
      return value.length <= mostElements && value.every(isName)
        ? { value: Object.freeze([...value]) }
        : right
    }
    if (!isRecord(value)) return right
    const entries = Object.entries(value)
    if (entries.length > mostElements || !entries.every(([key, tag]) => isName(key) && tagText(tag)))
      return right
    return { value: Object.freeze(Object.fromEntries(entries)) }
  },
  parse: (text, key) => tags.read(commaSeparated(text), key),
}

export const buckets: Format = {
  read: (value) => {
    const right = wrong(`a list of 1 to ${mostElements} increasing finite numbers`)
    if (!Array.isArray(value) || value.length === 0 || value.length > mostElements) return right
    const increasing = value.every(
      (element, i) => Number.isFinite(element) && (i === 0 || element > (value[i - 1] as number)),
    )
    return increasing ? { value: Object.freeze([...value]) } : right
  },
  parse: (text, key) => {
    const plain: KeySchema = { ...key, min: undefined, max: undefined }
    const read = commaSeparated(text).map((part) => number.parse(part, plain))
    return buckets.read(
      read.map((one) => ('value' in one ? one.value : undefined)),
      key,
    )
  },
}
