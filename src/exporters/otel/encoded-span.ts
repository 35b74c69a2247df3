/**
 * A finished span of our own as it goes over the wire: the `spans` field of a ScopeSpans, with its tag and length.
 * Neighbours share `bytes`; nobody writes to them.
 */
export class EncodedSpan {
  // `declare`: a field definition would be a store of its own, before the constructor's.
  declare readonly bytes: Buffer
  declare readonly start: number
  declare readonly end: number

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes
    this.start = start
    this.end = end
  }
}
