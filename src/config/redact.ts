/** What stands in the place of a secret, wherever a value can be seen. */
export const redacted = '[redacted]'

/** Shorter secrets would blank out half of every text they occur in. */
const shortestSecret = 4

/** Rotated secrets are kept too, because a backend may still echo them; this many in all. */
const mostSecrets = 2000

export interface Redactor {
  /** Learns a secret: a string, or every string inside a list or record. */
  learn(value: unknown): void
  /** A text without known secrets, and without the userinfo and query of the URLs in it. */
  text(text: string): string
  /** A URL without its userinfo and query. */
  url(url: string): string
  /** Any value with `text` applied to each string in it. */
  value(value: unknown): unknown
}

/** Hides userinfo and query string of a URL, by its text: an invalid one is hidden just as well. */
export function redactUrl(url: string): string {
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, `$1${redacted}@`)
    .replace(/\?[^#]*/, `?${redacted}`)
}

const urls = /\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s"'<>]+/gi

const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** The ways in which a backend may echo a secret. */
function spellings(secret: string): string[] {
  const all = [secret, JSON.stringify(secret).slice(1, -1)]
  try {
    all.push(encodeURIComponent(secret), encodeURI(secret))
  } catch {
    // A lone surrogate has no percent-encoding.
  }
  return all
}

function* partsOf(secret: string): Generator<string> {
  yield secret
  const words = secret.split(/[\s,;]+/)
  // `Bearer abc`, `Basic dXNlcjpwdw==`: a backend may echo only the credential.
  if (words.length > 1) for (const word of words) if (word.length >= 8) yield word
  const basic = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(secret)?.[1]
  if (basic) {
    const [, password] = /:(.*)$/s.exec(Buffer.from(basic, 'base64').toString()) ?? []
    if (password) yield password
  }
}

export function createRedactor(): Redactor {
  const secrets = new Set<string>()
  let pattern: RegExp | undefined

  const add = (secret: string): void => {
    for (const part of partsOf(secret)) {
      for (const spelling of spellings(part)) {
        if (spelling.length < shortestSecret || secrets.has(spelling)) continue
        if (secrets.size >= mostSecrets) secrets.delete(secrets.values().next().value as string)
        secrets.add(spelling)
        pattern = undefined
      }
    }
  }

  const learn = (value: unknown): void => {
    if (typeof value === 'string') add(value)
    else if (typeof value === 'object' && value !== null)
      for (const inner of Object.values(value)) learn(inner)
  }

  const text = (raw: string): string => {
    const safe = raw.includes('://') ? raw.replace(urls, redactUrl) : raw
    if (secrets.size === 0) return safe
    // Longest first, so that a secret which contains another goes whole.
    pattern ??= new RegExp(
      [...secrets]
        .sort((a, b) => b.length - a.length)
        .map(escapeRegExp)
        .join('|'),
      'g',
    )
    return safe.replace(pattern, redacted)
  }

  const value = (raw: unknown): unknown => {
    if (typeof raw === 'string') return text(raw)
    if (Array.isArray(raw)) return raw.map(value)
    if (typeof raw !== 'object' || raw === null) return raw
    return Object.fromEntries(Object.entries(raw).map(([key, inner]) => [text(key), value(inner)]))
  }

  return { learn, text, url: (url) => text(redactUrl(url)), value }
}
