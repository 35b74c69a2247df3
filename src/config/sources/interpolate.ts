import { shownName } from '../paths.ts'
import { redacted } from '../presentation/redact.ts'

export type Variables = Readonly<Record<string, string | undefined>>

export const sameVariables = (a: Variables, b: Variables): boolean => {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name])
}

/** A string of the file with its references filled in. */
export interface Interpolated {
  readonly text: string
  /** The same with the placeholder for what came from variables that hold secrets. */
  readonly shown: string
  /** The string was one reference and nothing else: it takes the type of its key. */
  readonly whole: boolean
  readonly secrets: readonly string[]
}

const tokens = /\$(?:\$|\{([^}]*)(\}?))/g
const reference = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/
const secretName = /KEY|TOKEN|SECRET|PASSWORD/i

// biome-ignore lint/suspicious/noTemplateCurlyInString: it shows the references themselves.
const malformed = 'has a malformed reference; write ${NAME}, ${NAME:-default}, and $$ for a dollar'

/** Variables of these names hold secrets, as far as we know. */
const holdsSecret = (variable: string): boolean => secretName.test(variable)

/** No value is valid that is longer than a half of this. */
const maxLength = 16 * 1024
/** Long enough for a value of that many references. */
const maxTemplate = 8 * maxLength

const tooLong = { wrong: 'is too long once its references are filled in', unset: false }

/** Why a string cannot be filled in. `unset`: it would be right if a variable were set. */
export interface NotInterpolated {
  readonly wrong: string
  readonly unset: boolean
}

/**
 * Fills in `${NAME}`, `${NAME:-default}` and `$$`, once: what a variable holds is never read for references.
 * A variable that is set but empty is empty.
 */
export function interpolate(template: string, variables: Variables): Interpolated | NotInterpolated {
  if (!template.includes('$')) return { text: template, shown: template, whole: false, secrets: [] }
  if (template.length > maxTemplate) return tooLong
  let text = ''
  let shown = ''
  let last = 0
  let whole = false
  let unset: string | undefined
  const secrets: string[] = []
  for (const match of template.matchAll(tokens)) {
    const before = template.slice(last, match.index)
    last = match.index + match[0].length
    text += before
    shown += before
    if (match[0] === '$$') {
      text += '$'
      shown += '$'
      continue
    }
    const [, name, fallback] = reference.exec(match[1] ?? '') ?? []
    if (match[2] !== '}' || name === undefined || fallback?.includes('${')) {
      return { wrong: malformed, unset: false }
    }
    const value = (Object.hasOwn(variables, name) ? variables[name] : undefined) ?? fallback
    if (value === undefined) {
      unset ??= name
      continue
    }
    whole = match[0].length === template.length
    text += value
    if (text.length > maxLength) return tooLong
    if (holdsSecret(name)) {
      shown += value === '' ? '' : redacted
      if (value !== '') secrets.push(value)
    } else {
      shown += value
    }
  }
  if (unset !== undefined)
    return { wrong: `needs the environment variable ${shownName(unset)}, which is not set`, unset: true }
  const rest = template.slice(last)
  return { text: text + rest, shown: shown + rest, whole, secrets }
}
