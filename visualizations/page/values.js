/** How configuration values become text in a field, and text becomes values. The server judges; nothing is guessed away here. */

/** @typedef {'boolean' | 'choice' | 'number' | 'text' | 'list' | 'table' | 'secret' | 'loose'} Kind */

/** @param {any} explanation @returns {Kind} */
export function kindOf({ value, sensitive, format, unit, shadows }) {
  if (Array.isArray(format)) return 'choice'
  const known = [value, ...shadows.map((/** @type {any} */ one) => one.value)].find((one) => one !== null)
  if (typeof known === 'boolean') return 'boolean'
  if (Array.isArray(known)) return 'list'
  if (typeof known === 'object' && known !== null) return 'table'
  if (sensitive) return 'secret'
  if (typeof known === 'number' || unit !== undefined) return 'number'
  return typeof known === 'string' ? 'text' : 'loose'
}

/** For people. @param {unknown} value */
export function shown(value) {
  if (value === null || value === undefined) return 'none'
  return typeof value === 'string' ? value || '(empty)' : JSON.stringify(value)
}

/** The text of a field that shows the value in force. @param {any} explanation @param {Kind} kind */
export function textOf({ value, sensitive }, kind) {
  if (kind === 'boolean') return String(value === true)
  if (sensitive || value === null) return ''
  if (kind === 'list') return value.join('\n')
  if (kind === 'table') return Object.keys(value).length === 0 ? '' : JSON.stringify(value, null, 1)
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

/** What a field's text says. @param {any} explanation @param {Kind} kind @param {string} text */
export function readField({ value }, kind, text) {
  switch (kind) {
    case 'boolean':
      return text === 'true'
    case 'number':
      return text.trim() === '' ? null : numberOr(text)
    case 'list': {
      const lines = text.split('\n').filter((line) => line.trim() !== '')
      const numeric =
        Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'number')
      return numeric ? lines.map(numberOr) : lines
    }
    case 'table':
      return text.trim() === '' ? {} : jsonOr(text)
    case 'loose':
      if (text === '') return null
      return /^\s*[[{]/.test(text) ? jsonOr(text) : numberOr(text)
    case 'secret':
      return text === '' ? null : text
    default:
      return text
  }
}
