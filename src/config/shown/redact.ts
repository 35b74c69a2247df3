/** What stands in the place of a secret, wherever a value can be seen. */
export const redacted = '[redacted]'

/** Shorter secrets would blank out half of every text they occur in. */
const shortestSecret = 4
const longSecret = 8

/** Rotated secrets are kept too, because a backend may still echo them; this many in all. */
const mostSecrets = 2000

export interface Redactor {
  /**
   * Learns a secret: a string, or every string inside a list or record. Many later ones push it out, unless it is
   * `lasting` or learnt again meanwhile.
   */
  learn(value: unknown, lasting?: boolean): void
  /**
   * Learns the values of headers. One whose name says nothing of a credential (a tenant, say) is hidden in foreign
   * texts, but not where it is the value of another key: that would make `get` lie about a name.
   */
  learnHeaders(headers: unknown, lasting?: boolean): void
  /** A text without known secrets, and without the userinfo and query of the URLs in it. */
  text(text: string): string
  /** A URL without its userinfo and query. */
  url(url: string): string
  /** A value of a key that is not secret: each string in it as `text` has it, headers that are no credentials apart. */
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

const credentialName = /auth|key|token|secret|password|cookie|credential|signature|session/i

/** A short secret goes only where it stands alone: it may be part of a longer word by chance. */
function patternOf(secrets: readonly string[]): RegExp | undefined {
  // Longest first, so that a secret which contains another goes whole.
  const longestFirst = [...secrets].sort((a, b) => b.length - a.length)
  if (longestFirst.length === 0) return undefined
  const sources = longestFirst.map((secret) =>
    secret.length < longSecret
      ? `(?<![\\w-]|\\w\\.)${escapeRegExp(secret)}(?![\\w-]|\\.\\w)`
      : escapeRegExp(secret),
  )
  return new RegExp(sources.join('|'), 'g')
}

/** Secrets with the pattern that finds them, made when first wanted. */
function createSecrets() {
  const secrets = new Set<string>()
  const lasting = new Set<string>()
  let pattern: RegExp | undefined
  let fresh = true

  const add = (secret: string, lasts: boolean): void => {
    for (const part of partsOf(secret)) {
      for (const spelling of spellings(part)) {
        if (spelling.length < shortestSecret || lasting.has(spelling)) continue
        fresh &&= secrets.has(spelling)
        // Put in again, it is the youngest.
        secrets.delete(spelling)
        if (lasts) lasting.add(spelling)
        else secrets.add(spelling)
        if (secrets.size > mostSecrets) secrets.delete(secrets.values().next().value as string)
      }
    }
  }

  const learn = (value: unknown, lasts = false): void => {
    if (typeof value === 'string') add(value, lasts)
    else if (typeof value === 'object' && value !== null)
      for (const inner of Object.values(value)) learn(inner, lasts)
  }

  const hide = (text: string): string => {
    if (!fresh) pattern = patternOf([...secrets, ...lasting])
    fresh = true
    return pattern ? text.replace(pattern, redacted) : text
  }

  return { learn, hide }
}

export function createRedactor(): Redactor {
  const credentials = createSecrets()
  const others = createSecrets()

  const withoutUrls = (raw: string): string => (raw.includes('://') ? raw.replace(urls, redactUrl) : raw)
  const shown = (raw: string): string => credentials.hide(withoutUrls(raw))
  const text = (raw: string): string => others.hide(shown(raw))

  const learnHeaders = (headers: unknown, lasting = false): void => {
    if (typeof headers !== 'object' || headers === null) {
      credentials.learn(headers, lasting)
      return
    }
    for (const [name, inner] of Object.entries(headers)) {
      if (credentialName.test(name)) credentials.learn(inner, lasting)
      else others.learn(inner, lasting)
    }
  }

  const value = (raw: unknown): unknown => {
    if (typeof raw === 'string') return shown(raw)
    if (Array.isArray(raw)) return raw.map(value)
    if (typeof raw !== 'object' || raw === null) return raw
    return Object.fromEntries(Object.entries(raw).map(([key, inner]) => [shown(key), value(inner)]))
  }

  return { learn: credentials.learn, learnHeaders, text, url: (url) => text(redactUrl(url)), value }
}
