import type { KeySchema } from '../../exporters/exporter.ts'

/** A value in the shape drivers see, or what would have been right, to end the sentence "it must be …". */
export type Reading = { readonly value: unknown } | { readonly wrong: string }

export interface Format {
  /** A value that already has a type: from a file, `init` or a `put`. */
  read(value: unknown, key: KeySchema): Reading
  /** Text: a variable, or a string of the file that is wholly one reference. */
  parse(text: string, key: KeySchema): Reading
}

export const wrong = (right: string): { readonly wrong: string } => ({ wrong: right })

export const isRecord = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** C0, DEL and C1. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
export const control = /[\x00-\x1f\x7f-\x9f]/

/** Lists and records have at most this many elements. */
export const mostElements = 1000
