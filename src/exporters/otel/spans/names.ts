import { ownCopy } from '../../../bus/own-copy.ts'

/** The parsed name of an event: the span's name, and whether the event starts it, or ends it with success or error. */
export interface SpanEventName {
  readonly span: string
  readonly phase: 'start' | 'end' | 'error'
}

const phases: Readonly<Record<string, SpanEventName['phase']>> = {
  start: 'start',
  success: 'end',
  stop: 'end',
  error: 'error',
  exception: 'error',
}

/** The suffix is the last segment. A name that consists of a suffix only (`start`, `.start`) is not a span event. */
function parseSpanEventName(name: string): SpanEventName | undefined {
  const dot = name.lastIndexOf('.')
  if (dot <= 0) return undefined
  const suffix = name.slice(dot + 1)
  return Object.hasOwn(phases, suffix) ? { span: name.slice(0, dot), phase: phases[suffix]! } : undefined
}

/** Whether a name speaks of a span: it ends in one of the suffixes, or is nothing but one (which is then counted). */
export const concernsSpans = (name: string): boolean =>
  Object.hasOwn(phases, name.slice(name.lastIndexOf('.') + 1))

const remembered = 2000
const longest = 256

/** {@link parseSpanEventName} that remembers up to 2,000 names: a program says the same few over and over. */
export function createNameReader(): (name: string) => SpanEventName | undefined {
  const known = new Map<string, SpanEventName | undefined>()
  return (name) => {
    const seen = known.get(name)
    if (seen !== undefined) return seen
    const parsed = parseSpanEventName(ownCopy(name))
    if (parsed !== undefined && name.length <= longest) {
      if (known.size >= remembered) known.clear()
      known.set(ownCopy(name), parsed)
    }
    return parsed
  }
}
