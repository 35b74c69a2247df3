/**
 * Judges a value while it is typed, by what `GET /config` says of its key. It refuses nothing that the server takes;
 * the server may still refuse what passes here.
 */

/** @param {any} schema */
function range({ minimum, maximum }) {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`
  if (minimum !== undefined) return ` of at least ${minimum}`
  return maximum === undefined ? '' : ` of at most ${maximum}`
}

/** What would be right, by format. @type {Record<string, (schema: any) => string>} */
const right = {
  boolean: () => 'true or false',
  number: (schema) => `a finite number${range(schema)}`,
  integer: (schema) => `an integer${range(schema)}`,
  port: (schema) => `a port, an integer${range(schema)}`,
  seconds: (schema) => `a number of seconds${range(schema)}`,
  choice: (schema) => `one of ${schema.enum.join(', ')}`,
  string: () => 'a string of at most 8 KiB',
  name: () => 'a name of 1 to 1024 characters',
  host: () => 'a host name or an IP address',
  path: () => 'a path that starts with /, without spaces, ? or #',
  'http-url': () => 'an http or https URL, such as http://localhost:4318/v1/traces',
  patterns: () => 'a list of event patterns, such as "queuemizer.*"',
  destinations: () => 'a list of origins or host globs',
  labels: () => 'a list of names',
  buckets: () => 'a list of 1 to 1000 increasing finite numbers',
  metrics: () => 'a JSON list of objects with an event and a type; look at the reference of the keys',
  headers: () => 'a table of header names and values, as a JSON object of strings',
  tags: () => 'a table of strings, or a list of strings such as "team:core"',
}

/** Characters, as JSON Schema counts them. @param {string} text */
const lengthOf = (text) => [...text].length

/** @param {any} schema @param {string} text */
const fitsText = ({ minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern }, text) =>
  lengthOf(text) >= minLength && lengthOf(text) <= maxLength && (!pattern || new RegExp(pattern).test(text))

/** @param {any} schema @param {any[]} list */
const fitsList = ({ minItems = 0, maxItems = Number.POSITIVE_INFINITY, items = {} }, list) =>
  list.length >= minItems && list.length <= maxItems && list.every((one) => fits(items, one))

/** @param {any} schema @param {object} table */
const fitsTable = (
  { maxProperties = Number.POSITIVE_INFINITY, properties = {}, required = [], additionalProperties = {} },
  table,
) =>
  Object.keys(table).length <= maxProperties &&
  required.every((/** @type {string} */ key) => Object.hasOwn(table, key)) &&
  Object.entries(table).every(([key, one]) =>
    Object.hasOwn(properties, key)
      ? fits(properties[key], one)
      : additionalProperties !== false && fits(additionalProperties, one),
  )

/** @param {any} schema @param {any} value */
const fitsNumber = (
  { type, minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY },
  value,
) =>
  Number.isFinite(value) &&
  (type !== 'integer' || Number.isInteger(value)) &&
  value >= minimum &&
  value <= maximum

/** The part of JSON Schema that our formats use. @param {any} schema @param {any} value @returns {boolean} */
function fits(schema, value) {
  if (schema.anyOf) return schema.anyOf.some((/** @type {any} */ one) => fits(one, value))
  if (schema.enum) return schema.enum.includes(value)
  switch (schema.type) {
    case 'boolean':
      return typeof value === 'boolean'
    case 'number':
    case 'integer':
      return typeof value === 'number' && fitsNumber(schema, value)
    case 'string':
      return typeof value === 'string' && fitsText(schema, value)
    case 'array':
      return Array.isArray(value) && fitsList(schema, value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value) && fitsTable(schema, value)
    default:
      return true
  }
}

/** What schemas do not say. @type {Record<string, (value: any) => boolean>} */
const more = {
  'http-url': (value) => URL.canParse(value) && !/[\s\\]/.test(value),
  buckets: (value) =>
    value.every((/** @type {number} */ one, /** @type {number} */ i) => i === 0 || one > value[i - 1]),
}

/**
 * What is wrong with a value, as the end of the sentence "… must be"; an empty string if nothing is.
 * @param {any} explanation of the key @param {unknown} value
 */
export function judge({ format, schema, nullable, sensitive }, value) {
  if (value === null && nullable) return ''
  const isRight = fits(schema, value) && (more[format]?.(value) ?? true)
  if (isRight) return ''
  const wanted = right[format]?.(schema) ?? 'a value as the description of this key says'
  const given = sensitive || value === null ? '' : ` (got ${JSON.stringify(value).slice(0, 80)})`
  return `must be ${wanted}${given}`
}
