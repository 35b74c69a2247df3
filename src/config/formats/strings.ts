import { isIP } from 'node:net'
import { control, type Format, type Reading, wrong } from './reading.ts'

const longestUrl = 2048
const longestName = 1024
const longestString = 8 * 1024

/** A format of strings whose text is taken as it stands. */
const textual = (read: (value: string, sensitive: boolean) => Reading, otherwise: string): Format => ({
  read: (value, key) => (typeof value === 'string' ? read(value, key.sensitive === true) : wrong(otherwise)),
  parse: (value, key) => read(value, key.sensitive === true),
})

export const tooLong = (text: string): boolean =>
  text.length > longestString || Buffer.byteLength(text) > longestString

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const unprintable = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/

export const string = textual((value, sensitive) => {
  if (tooLong(value)) return wrong('a string of at most 8 KiB')
  // Credentials travel in headers, where a stray line break of a mounted secret file would fail every request.
  if ((sensitive ? control : unprintable).test(value)) return wrong('a string without control characters')
  return { value }
}, 'a string')

export const isName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= longestName && !control.test(value)

export const name = textual(
  (value) => (isName(value) ? { value } : wrong('a name of 1 to 1024 characters without control characters')),
  'a name, as a string',
)

export const httpUrl = textual((value) => {
  if (value.length > longestUrl) return wrong(`a URL of at most ${longestUrl} characters`)
  const right = wrong('an http or https URL, such as http://localhost:4318/v1/traces')
  if (!/^https?:\/\/[^/]/i.test(value) || /\s/.test(value) || control.test(value) || value.includes('\\'))
    return right
  if (!URL.canParse(value)) return right
  const { username, password } = new URL(value)
  // `https://@host` parses with both empty; its author meant to give some.
  if (username || password || /^https?:\/\/[^/?#]*@/i.test(value)) {
    return wrong('a URL without credentials in it: use headers')
  }
  return { value }
}, 'an http or https URL, as a string')

export const host = textual(
  (value) =>
    value.length <= 253 && (/^[A-Za-z0-9_.-]+$/.test(value) || isIP(value) !== 0)
      ? { value }
      : wrong('a host name or an IP address'),
  'a host name or an IP address, as a string',
)

export const path = textual(
  (value) =>
    value.length <= longestName && /^\/[\x21-\x7e]*$/.test(value) && !/[?#\\]/.test(value)
      ? { value }
      : wrong('a path that starts with /, without spaces, ? and #'),
  'a path, as a string',
)

export const filePath = textual(
  (value) =>
    value !== '' && value.length <= 4096 && !control.test(value)
      ? { value }
      : wrong('the path of a file, of at most 4096 characters'),
  'the path of a file, as a string',
)
