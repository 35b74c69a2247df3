/** How configuration values become text in a field, and text becomes values. The server judges; nothing is guessed away here. */

/** @typedef {'boolean' | 'choice' | 'number' | 'text' | 'list' | 'table' | 'tables' | 'secret' | 'fixed'} Kind */

/** @param {any} explanation @returns {Kind} */
export function kindOf({ value, sensitive, guarded, schema }) {
  if (guarded) return 'fixed'
  if (schema.enum) return 'choice'
  const { type } = schema.anyOf ? schema.anyOf[0] : schema
  if (type === 'boolean') return 'boolean'
  if (type === 'number' || type === 'integer') return 'number'
  if (type === 'object') return 'table'
  if (schema.items?.type === 'object') return 'tables'
  // Tags are a list or a table.
  if (type === 'array')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? 'table' : 'list'
  return sensitive ? 'secret' : 'text'
}

/** For people. @param {unknown} value */
export function shown(value) {
  if (value === null || value === undefined) return 'none'
  return typeof value === 'string' ? value || '(empty)' : JSON.stringify(value)
}

/** The text of a field that shows the value in force. @param {any} explanation @param {Kind} kind */
export function textOf({ value, sensitive, nullable }, kind) {
  if (kind === 'boolean') return String(value === true)
  if (sensitive || value === null) return ''
  // An empty field of a key that may be null means null.
  if (kind === 'list') return value.length === 0 && nullable ? '[]' : value.join('\n')
  if (kind === 'table' || kind === 'tables')
    return Object.keys(value).length === 0 ? '' : JSON.stringify(value, null, 1)
  return String(value)
}

/** @param {string} text */
const numberOr = (text) => (text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text)

/** @param {string} text */
function jsonOr(text) {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** One element a line, or JSON. @param {any} schema @param {string} text */
function readList(schema, text) {
  if (/^\s*[[{]/.test(text)) {
    const read = jsonOr(text)
    if (typeof read === 'object') return read
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return schema.items?.type === 'number' ? lines.map(numberOr) : lines
}

/** What a field's text says. @param {any} explanation @param {Kind} kind @param {string} text */
export function readField({ nullable, schema }, kind, text) {
  if (kind !== 'boolean' && text.trim() === '' && (nullable || kind === 'number')) return null
  switch (kind) {
    case 'boolean':
      return text === 'true'
    case 'number':
      return numberOr(text)
    case 'list':
      return readList(schema, text)
    case 'table':
      return text.trim() === '' ? {} : jsonOr(text)
    case 'tables':
      return text.trim() === '' ? [] : jsonOr(text)
    case 'secret':
      return text === '' ? null : text
    default:
      return text
  }
}
