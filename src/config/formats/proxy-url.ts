import { control, type Format, refuse } from './format.ts'

const maxUrl = 2048

/** The URL of a proxy without a scheme is one of http, as in curl. */
const withScheme = (text: string): string =>
  text === '' || /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`

function check(value: string): void {
  const right = 'an http or https URL of a proxy, such as http://proxy.example.com:3128, or "" for none'
  if (value === '') return
  if (value.length > maxUrl) refuse(`a URL of at most ${maxUrl} characters`)
  if (/\s/.test(value) || control.test(value) || value.includes('\\') || !URL.canParse(value)) refuse(right)
  const { protocol, hostname, pathname, search, hash } = new URL(value)
  if ((protocol !== 'http:' && protocol !== 'https:') || hostname === '') refuse(right)
  if (pathname !== '/' || search !== '' || hash !== '') refuse(`${right}, without a path`)
}

export const proxyUrl: Format = {
  validate: (value) => (typeof value === 'string' ? check(value) : refuse('a URL of a proxy, as a string')),
  coerce: (text) => withScheme(text.trim()),
  expand: (value) => (typeof value === 'string' ? withScheme(value) : value),
}

/** Everything up to the last `@`, also where the password has characters that should have been encoded. */
const userinfoOf = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(.*)@/is

/**
 * The secrets in the URL of a proxy, which may be invalid: its password (or the user, where there is none), and the ways
 * in which a proxy, or a text that was cut at a `/` or `?`, may show it.
 */
export function secretsOfProxyUrl(value: unknown): string[] {
  const [, userinfo] = typeof value === 'string' ? (userinfoOf.exec(value) ?? []) : []
  if (!userinfo) return []
  const [, user = '', password = user] = /^([^:]*)(?::(.*))?$/s.exec(userinfo) ?? []
  let plain = userinfo
  try {
    plain = decodeURIComponent(userinfo)
  } catch {
    // A stray % stands for itself.
  }
  const basic = Buffer.from(plain.includes(':') ? plain : `${plain}:`).toString('base64')
  return [`Basic ${basic}`, password, plain.replace(/^[^:]*:/s, ''), ...password.split(/[/?#@\s"'<>]/)]
}
