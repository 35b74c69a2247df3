import type convictModule from 'convict'
import type { KeySchema } from '../exporters/exporter.ts'
import { type Convict, convictName, type DeclaredKey, typed, untyped } from './convict.ts'
import { isRecord, Refusal } from './formats/format.ts'
import { formats } from './formats/formats.ts'

/** Convict's verdict on a value: the value in the shape that drivers see, or what a valid value would be. */
export type Verdict = { readonly value: unknown } | Pick<Refusal, 'right' | 'at'>

/** Judges the values of one key, by convict alone. */
export interface KeyJudge {
  /** `isText`: the value is a text to be coerced, of a variable for example. */
  judge(value: unknown, isText: boolean): Verdict
  /** The verdict on the key's own default. */
  readonly fallback: Verdict
}

/** Header values are secret whatever the declaration says: authorization travels in them. */
export const isSensitive = (key: KeySchema): boolean => key.sensitive === true || key.format === 'headers'

const expanded = ({ format }: KeySchema, value: unknown): unknown => {
  const expand = typeof format === 'string' ? formats.get(format)?.expand : undefined
  return expand ? expand(value) : value
}

/** Declares a key to convict. */
export function declare(key: KeySchema, refused: (refusal: Refusal) => void = () => {}): DeclaredKey {
  const { format, default: fallback, destination: _d, hint: _h, env: _e, insteadOf: _i, ...rest } = key
  return {
    ...rest,
    format: convictName(typeof format === 'string' ? format : 'choice'),
    ...(typeof format !== 'string' && { choices: format }),
    default: isRecord(fallback) ? typed(fallback) : (expanded(key, fallback) ?? null),
    nullable: key.nullable === true,
    sensitive: isSensitive(key),
    refused,
  }
}

export type ConvictConfig = convictModule.Config<Record<string, unknown>>

/** Makes a configuration of convict's. Its own environment and arguments are off: it would put them above files. */
export const convictOf = (keys: Readonly<Record<string, DeclaredKey>>, convict: Convict): ConvictConfig =>
  convict(keys as unknown as convictModule.Schema<Record<string, unknown>>, { env: {}, args: [] })

/** Returns a frozen deep copy of plain objects. Adding zero turns -0 into 0, which Object.is would call different. */
function frozen(value: unknown): unknown {
  if (typeof value === 'number') return value + 0
  if (Array.isArray(value)) return Object.freeze(value.map(frozen))
  if (!isRecord(value)) return value
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, frozen(inner)])))
}

/** convict validates all that a configuration holds, so each key has one of its own: a change pays for its own keys. */
function createKeyJudge(key: KeySchema, convict: Convict): KeyJudge {
  /** The refusal by the format of the value that convict is validating. */
  let refused: Refusal | undefined
  const declared = declare(key, (refusal) => {
    refused = refusal
  })
  const config = convictOf({ value: declared }, convict)

  const judge: KeyJudge['judge'] = (value, isText) => {
    refused = undefined
    try {
      // A text is coerced by its format; all else keeps its type.
      config.set('value', isText && typeof value === 'string' ? value : typed(expanded(key, value)))
      config.validate({ allowed: 'strict', output: () => {} })
      return { value: frozen(untyped(config.get('value'))) }
    } catch (error) {
      const refusal = error instanceof Refusal ? error : refused
      if (refusal === undefined) throw error
      return { right: refusal.right, at: refusal.at }
    }
  }

  // Whether an exporter can do without a value is for its driver to say.
  const { default: fallback = null } = key
  return { judge, fallback: fallback === null ? { value: null } : judge(fallback, false) }
}

/** Declarations are constants: every telemetry system of a process has the same, and making a judge takes 60 µs. */
const judges = new WeakMap<KeySchema, KeyJudge>()

export function keyJudgeOf(key: KeySchema, convict: Convict): KeyJudge {
  const judge = judges.get(key) ?? createKeyJudge(key, convict)
  judges.set(key, judge)
  return judge
}
