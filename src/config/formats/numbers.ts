import type { KeySchema } from '../../exporters/exporter.ts'
import { type Format, type Reading, wrong } from './reading.ts'

const decimal = /^[+-]?\d+(?:\.\d+)?$/

/** The longest delay a timer takes (2^31 - 1 ms), in seconds. */
const longestSeconds = 2_147_483

function bounds(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`
  if (min !== undefined) return ` of at least ${min}`
  return max === undefined ? '' : ` of at most ${max}`
}

/** Numbers of one kind; decimal text only, so that `1e2`, `0x10` and `12abc` are no numbers. */
function numeric(
  what: string,
  accepts: (value: number) => boolean,
  lowest?: number,
  highest?: number,
): Format {
  const read = (value: unknown, key: KeySchema): Reading => {
    const min = key.min ?? lowest
    const max = key.max ?? highest
    const fits =
      typeof value === 'number' &&
      accepts(value) &&
      (min === undefined || value >= min) &&
      (max === undefined || value <= max)
    // Adding zero turns -0 into 0, which would otherwise differ from it for ever.
    return fits ? { value: value + 0 } : wrong(what + bounds(min, max))
  }
  return {
    read,
    parse: (text, key) => read(decimal.test(text.trim()) ? Number(text) : undefined, key),
  }
}

export const number = numeric('a finite number', Number.isFinite)
export const integer = numeric('an integer', Number.isSafeInteger)
export const port = numeric('a port, an integer', Number.isInteger, 0, 65_535)
export const seconds = numeric('a number of seconds', Number.isFinite, 0, longestSeconds)

const words: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  1: true,
  0: false,
  yes: true,
  no: false,
  on: true,
  off: false,
}

export const boolean: Format = {
  read: (value) => (typeof value === 'boolean' ? { value } : wrong('true or false')),
  parse: (text) => {
    const word = text.trim().toLowerCase()
    return Object.hasOwn(words, word)
      ? { value: words[word] }
      : wrong('true or false (or 1, 0, yes, no, on, off)')
  },
}
