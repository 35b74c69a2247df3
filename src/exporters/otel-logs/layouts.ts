import { ownCopy } from '../../bus/own-copy.ts'
import { type KnownText, knownText } from '../otel/encode/known-text.ts'
import type { Severity, SeverityRules } from './severity.ts'

/**
 * The common parts of events of one name, so that a record looks up one text instead of its name, its severity and each
 * of its keys. A program emits a name in one place, or in a few: its events have the same keys in the same places.
 */
export class Layout {
  /** The name as a text to write; undefined: it is not such a text. */
  readonly name: KnownText | undefined
  /** By the rules. */
  readonly severity: Severity | undefined
  readonly severityText: KnownText | undefined
  readonly #keys: string[]
  readonly #texts: (KnownText | undefined)[]

  constructor(name: KnownText | undefined, severity: Severity | undefined) {
    this.name = name
    this.severity = severity
    this.severityText = severity && knownText(severity.name)
    this.#keys = new Array(places).fill('')
    this.#texts = new Array(places).fill(undefined)
  }

  /** As `knownText`, of the key that is the `place`th of an event. */
  textOf(place: number, key: string): KnownText | undefined {
    return place < places && this.#keys[place] === key ? this.#texts[place] : this.#learn(place, key)
  }

  #learn(place: number, key: string): KnownText | undefined {
    const text = knownText(key)
    // The first event decides, so that events of several kinds do not take each other's places.
    if (place < places && this.#keys[place] === '') {
      this.#keys[place] = key
      this.#texts[place] = text
    }
    return text
  }
}

/** Finds the layout of a name. */
export type Layouts = (name: string) => Layout

const places = 16
const remembered = 2000
const longest = 256

/** Up to 2,000 names are remembered. */
export function createLayouts(severityByName: SeverityRules): Layouts {
  const layouts = new Map<string, Layout>()
  const learn = (name: string): Layout => {
    const layout = new Layout(name === '' ? undefined : knownText(name), severityByName(name))
    if (name.length > longest) return layout
    if (layouts.size >= remembered) layouts.clear()
    layouts.set(ownCopy(name), layout)
    return layout
  }
  return (name) => layouts.get(name) ?? learn(name)
}
