const shownChars = 300
const searchedBytes = 8192
/** Shorter values, such as `1` or `gzip`, are no secrets, and replacing them would garble every message. */
const shortestSecret = 6
const placeholder = '[redacted]'

const publicHeaders = new Set(['accept', 'content-type', 'user-agent'])

/** Replaces every secret in a text. A credential is hidden with and without its scheme (`Bearer …`). */
export function redactor(secrets: Iterable<string>): (text: string) => string {
  const parts = new Set<string>()
  for (const secret of secrets) for (const part of [secret, ...secret.split(/\s+/)]) parts.add(part)
  const hidden = [...parts]
    .filter((part) => part.length >= shortestSecret)
    .sort((a, b) => b.length - a.length)
  return (text) => hidden.reduce((left, secret) => left.replaceAll(secret, placeholder), text)
}

/** Returns the secrets that a backend might echo: the values of the request's headers and query. */
export function secretsOf(headers: Readonly<Record<string, string>>, url: URL): string[] {
  const values = Object.entries(headers)
    .filter(([name]) => !publicHeaders.has(name.toLowerCase()))
    .map(([, value]) => value)
  return [...values, ...url.searchParams.values()]
}

/** The beginning of a response body as one printable line of at most 300 characters. */
export function excerpt(body: Uint8Array, redact: (text: string) => string = (text) => text): string {
  const raw = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, searchedBytes)).toString(
    'utf8',
  )
  // Redacted before it is cut: a secret that the cut halves would not be found.
  const line = redact(raw)
    .replace(/[\p{C}\p{Z}\uFFFD]+/gu, ' ')
    .trim()
  return line.length <= shownChars
    ? line
    : `${line.slice(0, shownChars - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}
