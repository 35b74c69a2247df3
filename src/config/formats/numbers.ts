import { type Format, refuse } from './format.ts'

const decimal = /^[+-]?\d+(?:\.\d+)?$/

/** The longest delay a timer takes (2^31 - 1 ms), in seconds. */
export const maxSeconds = 2_147_483

function rangeInWords(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`
  if (min !== undefined) return ` of at least ${min}`
  return max === undefined ? '' : ` of at most ${max}`
}

/** Numbers of one kind. Texts are decimal only: `1e2`, `0x10` and `12abc` are refused. */
function numeric(
  what: string,
  accepts: (value: number) => boolean,
  lowest?: number,
  highest?: number,
): Format {
  return {
    validate: (value, { min = lowest, max = highest }) => {
      const fits =
        typeof value === 'number' &&
        accepts(value) &&
        (min === undefined || value >= min) &&
        (max === undefined || value <= max)
      if (!fits) refuse(what + rangeInWords(min, max))
    },
    coerce: (text) => (decimal.test(text.trim()) ? Number(text) : text),
  }
}

export const number = numeric('a finite number', Number.isFinite)
export const integer = numeric('an integer', Number.isSafeInteger)
export const port = numeric('a port, an integer', Number.isInteger, 0, 65_535)
export const seconds = numeric('a number of seconds', Number.isFinite, 0, maxSeconds)

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
  validate: (value) => {
    if (typeof value !== 'boolean') refuse('true or false')
  },
  coerce: (text) => {
    const word = text.trim().toLowerCase()
    return Object.hasOwn(words, word) ? words[word] : refuse('true or false (or 1, 0, yes, no, on, off)')
  },
}
