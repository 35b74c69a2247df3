import { createRequire } from 'node:module'
import type convictModule from 'convict'
import { type Format, type Limits, Refusal, refuse } from './formats/format.ts'
import { formats } from './formats/formats.ts'
import { choice } from './formats/strings.ts'

export type Convict = typeof convictModule

/** A key as convict has it: its declaration, and who hears what its format refuses. */
export interface DeclaredKey extends Limits {
  readonly doc: string
  readonly format: string
  readonly default: unknown
  readonly nullable: boolean
  readonly sensitive: boolean
  /** convict joins the reasons of all keys into one text: each is also told here, word for word. */
  readonly refused: (refusal: Refusal) => void
}

let convict: Convict | undefined

/** Formats of ours have a prefix, because an application that uses convict shares its formats with us. */
export const convictName = (format: string): string => `telemachine ${format}`

/**
 * Holds a value that already has its type. convict coerces every string, and takes tables apart; to it a Map is a
 * value like any other.
 */
export const typed = (value: unknown): Map<'value', unknown> => new Map([['value', value]])

export const untyped = (held: unknown): unknown => (held instanceof Map ? held.get('value') : held)

function register(name: string, format: Format, to: Convict): void {
  to.addFormat({
    name: convictName(name),
    coerce: (text: string) => typed(format.coerce(text)),
    validate: (held: unknown, schema) => {
      // A key without a default holds a bare null until it is set.
      if (held === null) return
      const key = schema as unknown as DeclaredKey
      const value = untyped(held)
      try {
        if (value !== null) format.validate(value, key)
        else if (!key.nullable) refuse('given: null is not a value here')
      } catch (error) {
        key.refused(error instanceof Refusal ? error : new Refusal(`readable: ${String(error)}`))
        throw error
      }
    },
  })
}

function registered(loaded: Convict): Convict {
  if (convict !== undefined) return convict
  for (const [name, format] of formats) register(name, format, loaded)
  register('choice', choice, loaded)
  convict = loaded
  return loaded
}

/** Loads convict. It takes a tenth of the time of our own import, so only those who configure anything wait for it. */
export async function loadConvict(): Promise<Convict> {
  return convict ?? registered((await import('convict')).default)
}

/** Returns convict at once; undefined before {@link loadConvict} if the application was bundled without its packages. */
export function convictNow(): Convict | undefined {
  try {
    return convict ?? registered(createRequire(import.meta.url)('convict') as Convict)
  } catch {
    return undefined
  }
}
