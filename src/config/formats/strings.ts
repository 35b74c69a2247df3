import { isIP } from 'node:net'
import { control, type Format, type Limits, refuse } from './format.ts'

export const maxUrl = 2048
export const maxName = 1024
export const maxString = 8 * 1024

/** A format of strings, whose texts are taken as they are. */
const textual = (check: (value: string, key: Limits) => void, what: string): Format => ({
  validate: (value, key) => (typeof value === 'string' ? check(value, key) : refuse(what)),
  coerce: (text) => text,
})

const tooLong = (text: string): boolean => text.length > maxString || Buffer.byteLength(text) > maxString

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const unprintable = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/

export const string = textual((value, { sensitive }) => {
  if (tooLong(value)) refuse('a string of at most 8 KiB')
  // Credentials travel in headers, where a stray line break of a mounted secret file would fail every request.
  if ((sensitive ? control : unprintable).test(value)) refuse('a string without control characters')
}, 'a string')

export const isName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= maxName && !control.test(value)

export const name = textual((value) => {
  if (!isName(value)) refuse('a name of 1 to 1024 characters without control characters')
}, 'a name, as a string')

export const httpUrl = textual((value) => {
  if (value.length > maxUrl) refuse(`a URL of at most ${maxUrl} characters`)
  const wellFormed =
    /^https?:\/\/[^/]/i.test(value) && !/\s/.test(value) && !control.test(value) && !value.includes('\\')
  if (!wellFormed || !URL.canParse(value))
    refuse('an http or https URL, such as http://localhost:4318/v1/traces')
  const { username, password } = new URL(value)
  // `https://@host` parses with both empty; its author meant to give some.
  if (username || password || /^https?:\/\/[^/?#]*@/i.test(value)) {
    refuse('a URL without credentials in it: use headers')
  }
}, 'an http or https URL, as a string')

export const host = textual((value) => {
  if (value.length > 253 || (!/^[A-Za-z0-9_.-]+$/.test(value) && isIP(value) === 0))
    refuse('a host name or an IP address')
}, 'a host name or an IP address, as a string')

export const path = textual((value) => {
  if (value.length > maxName || !/^\/[\x21-\x7e]*$/.test(value) || /[?#\\]/.test(value))
    refuse('a path that starts with /, without spaces, ? or #')
}, 'a path, as a string')

export const filePath = textual((value) => {
  if (value === '' || value.length > 4096 || control.test(value))
    refuse('the path of a file, of at most 4096 characters')
}, 'the path of a file, as a string')

/** One of the values that the key lists. */
export const choice: Format = {
  validate: (value, { choices = [] }) => {
    if (typeof value !== 'string' || !choices.includes(value)) refuse(`one of ${choices.join(', ')}`)
  },
  coerce: (text) => text.trim(),
}
