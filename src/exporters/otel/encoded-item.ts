/** Known to every copy of this module; a span of an SDK may have properties of any name. */
export const encoded: unique symbol = Symbol.for('telemachine.EncodedItem') as never

/**
 * A finished span or a log record as it goes over the wire: the field of its ScopeSpans or ScopeLogs, with tag and
 * length. Neighbours share `bytes`, which are not written to again.
 */
export class EncodedItem {
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

  /** Says that the item stands elsewhere as well, from now on there. Returns where it ends. */
  static move(item: Mutable, bytes: Buffer, start: number): number {
    const end = start + item.end - item.start
    item.bytes = bytes
    item.start = start
    item.end = end
    return end
  }
}

interface Mutable {
  bytes: Buffer
  start: number
  end: number
}

Object.defineProperty(EncodedItem.prototype, encoded, { value: true })
