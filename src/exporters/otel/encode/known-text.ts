import { ownCopy } from '../../../bus/own-copy.ts'
import { ensure, type ProtobufWriter, putAscii } from './protobuf-writer.ts'

/** A short ASCII text as little-endian words, the last one filled up with zeros. */
export type KnownText = readonly number[]

const most = 2000
const longestText = 100

const texts = new Map<string, KnownText | undefined>()

/**
 * Keys of attributes and names of spans, which a program says over and over: they are copied by the word where other
 * text is read by the character. Undefined for what is not ASCII, longer than 100 characters, or beyond the first 2,000.
 */
export function knownText(text: string): KnownText | undefined {
  const known = texts.get(text)
  if (known !== undefined || texts.size >= most || text.length > longestText) return known
  const bytes = Buffer.alloc(Math.ceil(text.length / 4) * 4)
  const words: number[] = []
  if (putAscii(bytes, 0, text) < 0) return undefined
  for (let at = 0; at < bytes.length; at += 4) words.push(bytes.readInt32LE(at))
  texts.set(ownCopy(text), words)
  return words
}

/** Bytes that {@link putKnown} may touch beyond the text. */
export const knownSlack = 3

/** Puts the text at a place with room for it and {@link knownSlack} more bytes, which come after it. */
export function putKnown(view: DataView, at: number, words: KnownText): void {
  for (let i = 0; i < words.length; i++) view.setInt32(at + 4 * i, words[i]!, true)
}

/** A field with a text of at most 100 characters that is known. */
export function writeKnownField(writer: ProtobufWriter, tag: number, text: string, words: KnownText): void {
  ensure(writer, 2 + text.length + knownSlack)
  const { bytes, view, at } = writer
  bytes[at] = tag
  bytes[at + 1] = text.length
  putKnown(view, at + 2, words)
  writer.at = at + 2 + text.length
}
