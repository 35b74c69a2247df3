/** Known to every copy of this module; a span of an SDK may have properties of any name. */
export const encoded: unique symbol = Symbol.for('telemachine.EncodedSpan') as never

/**
 * A finished span of our own as it goes over the wire: the `spans` field of a ScopeSpans, with its tag and length.
 * Neighbours share `bytes`; nobody writes to them.
 */
export class EncodedSpan {
  declare readonly [encoded]: true
  // `declare`: a field definition would be a store of its own, before the constructor's.
  declare readonly bytes: Buffer
  declare readonly start: number
  declare readonly end: number

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes
    this.start = start
    this.end = end
  }

  /** Says that the span stands elsewhere as well, from now on there. Returns where it ends. */
  static move(span: Mutable, bytes: Buffer, start: number): number {
    const end = start + span.end - span.start
    span.bytes = bytes
    span.start = start
    span.end = end
    return end
  }
}

interface Mutable {
  bytes: Buffer
  start: number
  end: number
}

Object.defineProperty(EncodedSpan.prototype, encoded, { value: true })
