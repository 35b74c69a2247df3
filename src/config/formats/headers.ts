import { parseHeaderPairs, wrongHeaders } from '../../exporters/header-pairs.ts'
import { type Format, isRecord, refuse } from './format.ts'

function checkPairs(pairs: readonly (readonly [string, unknown])[]): void {
  const right = wrongHeaders(pairs)
  if (right !== undefined) refuse(right)
}

export const headers: Format = {
  validate: (value) =>
    isRecord(value) ? checkPairs(Object.entries(value)) : refuse('a table of header names and values'),
  coerce: (text) => {
    const pairs = parseHeaderPairs(text) ?? refuse('name=value pairs separated by commas, percent-encoded')
    // An object would keep the last of two equal names and hide the mistake.
    checkPairs(pairs)
    return Object.fromEntries(pairs)
  },
}
