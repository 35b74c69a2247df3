import { ownCopy } from '../../../bus/own-copy.ts'
import { ensure, type ProtobufWriter, putAscii } from './protobuf-writer.ts'

/** The roles of metadata keys for the span itself; `attribute`: none. Numbers, because they are compared per field. */
export const keyRoles = {
  attribute: 0,
  traceparent: 1,
  tracestate: 2,
  kind: 3,
  links: 4,
  failure: 5,
} as const

const roles: ReadonlyMap<string, number> = new Map([
  ['traceparent', keyRoles.traceparent],
  ['tracestate', keyRoles.tracestate],
  ['span_kind', keyRoles.kind],
  ['span.kind', keyRoles.kind],
  ['links', keyRoles.links],
  ['error', keyRoles.failure],
  ['reason', keyRoles.failure],
])

/** One of {@link keyRoles}. */
export const roleOf = (key: string): number => roles.get(key) ?? keyRoles.attribute

/** A short ASCII text that a program says over and over. */
export class KnownText {
  readonly length: number
  /** Little-endian words, the last one filled up with zeros. */
  readonly words: Int32Array
  /** Role of the text as a key: one of {@link keyRoles}. */
  readonly role: number
  #values: Map<string, KnownText> | undefined
  /** Values that were not known. */
  #others: number

  constructor(length: number, words: Int32Array, role: number) {
    this.length = length
    this.words = words
    this.role = role
    this.#values = undefined
    this.#others = 0
  }

  /**
   * For the text as a key: returns a value that its attributes repeat, such as a route or a message. Undefined
   * for one that is too short to gain by it, and for all values of a key that has many.
   */
  valueText(value: string): KnownText | undefined {
    if (this.#others >= mostValues || value.length < shortestValue) return undefined
    return this.#values?.get(value) ?? this.#learnValue(value)
  }

  #learnValue(value: string): KnownText | undefined {
    this.#others++
    const text =
      this.#others < mostValues && values < most && value.length <= longestText ? known(value) : undefined
    if (text !== undefined) {
      values++
      this.#values ??= new Map()
      this.#values.set(ownCopy(value), text)
    } else if (this.#others === mostValues) {
      values -= this.#values?.size ?? 0
      this.#values = undefined
    }
    return text
  }
}

/** Values of a key from which on it is taken to have any number of them. */
const mostValues = 64
/** Below, a lookup takes as long as the characters. */
const shortestValue = 16
/** Values that are known, of all keys. */
let values = 0

const most = 2000
const longestText = 100

const texts = new Map<string, KnownText>()

/**
 * Keys of attributes and names of spans, which a program says over and over: they are copied by the word where other
 * text is read by the character. Undefined for what is not ASCII, longer than 100 characters, or beyond the first 2,000.
 */
export function knownText(text: string): KnownText | undefined {
  const known = texts.get(text)
  if (known !== undefined || texts.size >= most || text.length > longestText) return known
  return learn(text)
}

function learn(text: string): KnownText | undefined {
  const learned = known(text)
  if (learned !== undefined) texts.set(ownCopy(text), learned)
  return learned
}

function known(text: string): KnownText | undefined {
  const view = new DataView(new ArrayBuffer(Math.ceil(text.length / 4) * 4))
  if (putAscii(view, 0, text) < 0) return undefined
  const words = new Int32Array(view.byteLength / 4)
  for (let i = 0; i < words.length; i++) words[i] = view.getInt32(4 * i, true)
  return new KnownText(text.length, words, roleOf(text))
}

/** Bytes that {@link putKnown} may touch beyond the text. */
const knownSlack = 3

/** Puts the text at a place with room for it and {@link knownSlack} more bytes, which come after it. */
export function putKnown(view: DataView, at: number, { words }: KnownText): void {
  for (let i = 0; i < words.length; i++) view.setInt32(at + 4 * i, words[i]!, true)
}

/** A field with a text of at most 100 characters that is known. */
export function writeKnownField(writer: ProtobufWriter, tag: number, text: KnownText): void {
  const { length } = text
  ensure(writer, 2 + length + knownSlack)
  const { bytes, view, at } = writer
  bytes[at] = tag
  bytes[at + 1] = length
  putKnown(view, at + 2, text)
  writer.at = at + 2 + length
}
