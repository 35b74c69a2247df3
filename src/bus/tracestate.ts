const maxMembers = 32
// The grammar of W3C Trace Context Level 2: a key may hold an @ wherever it does not begin with it.
const memberKey = /^[a-z0-9][a-z0-9_\-*/@]{0,255}$/
const memberValue = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** Longer than 32 members, with the spaces between them, ever have to be. */
const maxLength = 32 * 1024

/**
 * A `tracestate` (W3C Trace Context Level 2) as it is passed on, in headers and in exports alike: without empty members
 * and the spaces around members, and with the first member of a key that is repeated. Undefined if it is empty, or if a
 * part of it is invalid: it is passed on whole or not at all.
 */
export function parseTracestate(text: unknown): string | undefined {
  if (typeof text !== 'string' || text.length > maxLength) return undefined
  if (text === '') return undefined
  const members = new Map<string, string>()
  let count = 0
  for (const part of text.split(',')) {
    const member = trimmed(part)
    if (member === '') continue
    if (++count > maxMembers) return undefined
    const equals = member.indexOf('=')
    if (equals < 0) return undefined
    const key = member.slice(0, equals)
    if (!memberKey.test(key) || !memberValue.test(member.slice(equals + 1))) return undefined
    if (!members.has(key)) members.set(key, member)
  }
  return members.size === 0 ? undefined : [...members.values()].join(',')
}

/** Without the spaces and tabs around it, which HTTP allows in a list. */
function trimmed(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09
