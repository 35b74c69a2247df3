import type { KeySchema } from '../../exporters/exporter.ts'

/** The part of a key's declaration that its format depends on. */
export type Limits = Pick<KeySchema, 'min' | 'max' | 'sensitive'> & { readonly choices?: readonly string[] }

/**
 * A convict format. Formats are the only place that says what a value must be: values of files, `init` and changes
 * go through `validate`, the texts of the environment through `coerce` first.
 */
export interface Format {
  /** @throws Refusal */
  validate(value: unknown, key: Limits): void
  /**
   * The value that a text stands for: a variable, or a string of the file that is wholly one reference. A text that
   * stands for nothing comes back as it is, for `validate` to refuse.
   * @throws Refusal
   */
  coerce(text: string): unknown
  /** Turns the short form of a value into the long one. Texts are coerced instead. */
  expand?(value: unknown): unknown
}

/** The keys and indexes that lead from a value to a part of it. */
export type PartPath = readonly (string | number)[]

/**
 * A format throws it at an invalid value; `right` ends the sentence "it must be …". It is not an Error, because a
 * hostile change has a thousand invalid values, and making a stack trace costs more than judging one.
 */
export class Refusal {
  readonly right: string
  /** The part of the value that is wrong, by its keys; empty for the whole value. */
  readonly at: PartPath
  readonly message: string
  constructor(right: string, at: PartPath = []) {
    this.right = right
    this.at = at
    this.message = `must be ${right}`
  }
}

export function refuse(right: string, at?: PartPath): never {
  throw new Refusal(right, at)
}

export const isRecord = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** C0, DEL and C1. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
export const control = /[\x00-\x1f\x7f-\x9f]/

/** Names that would change a prototype somewhere. */
export const polluting: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Lists and records have at most this many elements. */
export const maxElements = 1000
