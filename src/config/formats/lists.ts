import { control, type Format, isRecord, maxElements, polluting, refuse } from './format.ts'
import { number } from './numbers.ts'
import { httpUrl, isName } from './strings.ts'

const commaSeparated = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

/** Lists of strings; texts are separated by commas. */
function strings(what: string, accepts: (element: string) => boolean): Format {
  return {
    validate: (value) => {
      const fits =
        Array.isArray(value) &&
        value.length <= maxElements &&
        value.every((element) => isName(element) && accepts(element))
      if (!fits) refuse(`a list of ${what}, at most ${maxElements}`)
    },
    coerce: commaSeparated,
  }
}

const anything = (): boolean => true

/** A single pattern may stand without a list. */
export const patterns: Format = {
  ...strings('event patterns, such as "queuemizer.*"', anything),
  expand: (value) => (typeof value === 'string' ? [value] : value),
}

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

/** More would be more than a breaker each is worth. */
export const maxUrls = 8

/** Different URLs, the preferred one first. */
export const httpUrls: Format = {
  validate: (value, key) => {
    if (!Array.isArray(value) || value.length === 0 || value.length > maxUrls)
      refuse(`a list of 1 to ${maxUrls} http or https URLs, the preferred one first`)
    for (const url of value) httpUrl.validate(url, key)
    if (new Set(value.map((url) => new URL(url).href)).size < value.length)
      refuse('a list without duplicates: it has one of the URLs twice')
  },
  coerce: commaSeparated,
}

const isTag = ([key, tag]: readonly [string, unknown]): boolean =>
  isName(key) && !polluting.has(key) && typeof tag === 'string' && tag.length <= 1024 && !control.test(tag)

export const tags: Format = {
  validate: (value) => {
    const elements = Array.isArray(value) ? value : isRecord(value) ? Object.entries(value) : undefined
    const fits =
      elements !== undefined &&
      elements.length <= maxElements &&
      elements.every((element) => (Array.isArray(value) ? isName(element) : isTag(element)))
    if (!fits) refuse(`a table of strings, or a list of strings such as "team:core", at most ${maxElements}`)
  },
  coerce: commaSeparated,
}

export const buckets: Format = {
  validate: (value) => {
    const fits =
      Array.isArray(value) &&
      value.length > 0 &&
      value.length <= maxElements &&
      value.every((element, i) => Number.isFinite(element) && (i === 0 || element > value[i - 1]))
    if (!fits) refuse(`a list of 1 to ${maxElements} increasing finite numbers`)
  },
  coerce: (text) => commaSeparated(text).map((part) => number.coerce(part)),
}
