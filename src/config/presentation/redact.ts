/** Replaces secrets wherever a value can be seen. */
export const redacted = '[redacted]'

/** Shorter secrets would blank out half of every text they occur in. */
const minSecret = 4
const longSecret = 8

/** Rotated secrets are kept too, because a backend may still echo them; this many in all. */
const maxSecrets = 2000

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
  /**
   * Redacts a value of a key that is not secret: each string in it as by `text`, except headers that are not
   * credentials.
   */
  value(value: unknown): unknown
}

/** Hides userinfo and query string of a URL, by its text: an invalid one is hidden just as well. */
export function redactUrl(url: string): string {
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, `$1${redacted}@`)
    .replace(/\?[^#]*/, `?${redacted}`)
}

const urls = /\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s"'<>]+/gi

/** The ways in which a backend may echo a secret. */
function spellings(secret: string): string[] {
  if (/^[\w.~-]*$/.test(secret)) return [secret]
  const all = [secret, JSON.stringify(secret).slice(1, -1)]
  try {
    all.push(encodeURIComponent(secret), encodeURI(secret))
  } catch {
    // A lone surrogate has no percent-encoding.
  }
  return all
}

/** Longer values are invalid everywhere, so no message contains them. */
const maxSecretLength = 16 * 1024
/** A credential has few words; of a longer text only the whole is a secret. */
const maxWords = 32

function* partsOf(secret: string): Generator<string> {
  yield secret
  const words = secret.split(/[\s,;]+/, maxWords)
  // `Bearer abc`, `Basic dXNlcjpwdw==`: a backend may echo only the credential.
  if (words.length > 1) for (const word of words) if (word.length >= longSecret) yield word
  const basic = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(secret)?.[1]
  if (basic) {
    const [, password] = /:(.*)$/s.exec(Buffer.from(basic, 'base64').toString()) ?? []
    if (password) yield password
  }
}

const credentialName = /auth|key|token|secret|password|cookie|credential|signature|session/i

const isWord = (char: string | undefined): boolean => char !== undefined && /[\w-]/.test(char)

/** Tells whether a short secret stands alone: within a longer word, or a dotted one, it is there by chance. */
function standsAlone(text: string, from: number, to: number): boolean {
  const dotted = (dot: string | undefined, beyond: string | undefined): boolean =>
    dot === '.' && beyond !== '-' && isWord(beyond)
  return (
    !isWord(text[from - 1]) &&
    !dotted(text[from - 1], text[from - 2]) &&
    !isWord(text[to]) &&
    !dotted(text[to], text[to + 1])
  )
}

/** Finds secrets in texts by how they begin: one pattern of thousands of secrets would take long to compile. */
function createFinder() {
  const short = new Map<string, Set<string>>()
  const long = new Map<string, Set<string>>()
  /** How many secrets begin with a character. Most characters of most texts begin none. */
  const firsts = new Map<number, number>()

  const placeOf = (secret: string) => {
    const isShort = secret.length < longSecret
    const start = secret.slice(0, isShort ? minSecret : longSecret)
    return { starts: isShort ? short : long, start, first: start.charCodeAt(0) }
  }

  /** The longest secret at a place, so that one which contains another is hidden as a whole. */
  const longestAt = (text: string, at: number, alike: Iterable<string> = []): string => {
    let longest = ''
    for (const secret of alike) {
      const fits =
        secret.length > longest.length &&
        text.startsWith(secret, at) &&
        (secret.length >= longSecret || standsAlone(text, at, at + secret.length))
      if (fits) longest = secret
    }
    return longest
  }

  const matchAt = (text: string, at: number): string =>
    longestAt(text, at, long.get(text.slice(at, at + longSecret))) ||
    longestAt(text, at, short.get(text.slice(at, at + minSecret)))

  return {
    add: (secret: string): void => {
      const { starts, start, first } = placeOf(secret)
      const alike = starts.get(start) ?? new Set<string>()
      starts.set(start, alike.add(secret))
      firsts.set(first, (firsts.get(first) ?? 0) + 1)
    },
    remove: (secret: string): void => {
      const { starts, start, first } = placeOf(secret)
      const alike = starts.get(start)
      alike?.delete(secret)
      if (alike?.size === 0) starts.delete(start)
      firsts.set(first, (firsts.get(first) ?? 0) - 1)
      if (firsts.get(first) === 0) firsts.delete(first)
    },
    hide: (text: string): string => {
      let hidden = ''
      let kept = 0
      for (let at = 0; at + minSecret <= text.length; at++) {
        if (!firsts.has(text.charCodeAt(at))) continue
        const { length } = matchAt(text, at)
        if (length === 0) continue
        hidden += text.slice(kept, at) + redacted
        kept = at + length
        at = kept - 1
      }
      return kept === 0 ? text : hidden + text.slice(kept)
    },
  }
}

/** Secrets, and texts without them. */
function createSecrets() {
  const recent = new Set<string>()
  const lasting = new Set<string>()
  const finder = createFinder()

  const addSpelling = (spelling: string, lasts: boolean): void => {
    if (spelling.length < minSecret || lasting.has(spelling)) return
    if (!recent.delete(spelling)) finder.add(spelling)
    // Put in again, it is the youngest.
    if (lasts) lasting.add(spelling)
    else recent.add(spelling)
    if (recent.size <= maxSecrets) return
    const oldest = recent.values().next().value as string
    recent.delete(oldest)
    finder.remove(oldest)
  }

  const learn = (value: unknown, lasts = false): void => {
    if (typeof value === 'string') {
      if (value.length > maxSecretLength || lasting.has(value)) return
      for (const part of partsOf(value)) for (const spelling of spellings(part)) addSpelling(spelling, lasts)
    } else if (typeof value === 'object' && value !== null) {
      for (const inner of Object.values(value)) learn(inner, lasts)
    }
  }

  return { learn, hide: finder.hide }
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

  return { learn: credentials.learn, learnHeaders, text, value }
}
