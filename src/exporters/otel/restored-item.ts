/** Known to every copy of this module; a span of an SDK may have properties of any name. */
const restored: unique symbol = Symbol.for('telemachine.RestoredItem') as never
const head: unique symbol = Symbol.for('telemachine.EncodedHead') as never

/** The head of a ResourceSpans or ScopeSpans that another life of the process has encoded. */
export class EncodedHead {
  readonly [head] = true
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }
}

/** A span or a log record that was read from disk: it keeps the resource and the scope that it was written with. */
export class RestoredItem {
  readonly [restored] = true
  /** Where it stands, with tag and length. Others of its file share the memory. */
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly resource: EncodedHead
  readonly scope: EncodedHead

  constructor(bytes: Buffer, start: number, end: number, resource: EncodedHead, scope: EncodedHead) {
    this.bytes = bytes
    this.start = start
    this.end = end
    this.resource = resource
    this.scope = scope
  }
}

export const isEncodedHead = (described: object): described is EncodedHead => head in described

export const isRestored = (item: object): item is RestoredItem => restored in item

interface Part {
  readonly field: number
  /** Where its tag begins, where its value does, and where it ends. */
  readonly at: number
  readonly start: number
  readonly end: number
}

/** The length-delimited fields of a message; a request has no others down to its items. */
function partsOf(bytes: Buffer, from: number, to: number): Part[] {
  const parts: Part[] = []
  let at = from
  const varint = (): number => {
    let value = 0
    for (let factor = 1; factor < 2 ** 42; factor *= 128) {
      const byte = at < to ? (bytes[at++] as number) : 0x80
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    throw new RangeError('malformed varint')
  }
  while (at < to) {
    const begin = at
    const tag = varint()
    const length = varint()
    if (tag % 8 !== 2 || length > to - at) throw new RangeError('it is not a request of OTLP')
    parts.push({ field: Math.floor(tag / 8), at: begin, start: at, end: at + length })
    at += length
  }
  return parts
}

const nested = 2

function headOf(bytes: Buffer, parts: readonly Part[]): EncodedHead {
  const heads = parts.filter(({ field }) => field !== nested)
  return new EncodedHead(Buffer.concat(heads.map(({ at, end }) => bytes.subarray(at, end))))
}

/** The items of an export request, each with its resource and scope, in their order. Throws a RangeError at anything else. */
export function itemsOfRequest(bytes: Buffer): readonly RestoredItem[] {
  const items: RestoredItem[] = []
  for (const group of partsOf(bytes, 0, bytes.length)) {
    const inGroup = partsOf(bytes, group.start, group.end)
    const resource = headOf(bytes, inGroup)
    for (const scoped of inGroup) {
      if (scoped.field !== nested) continue
      const inScope = partsOf(bytes, scoped.start, scoped.end)
      const scope = headOf(bytes, inScope)
      for (const { field, at, end } of inScope)
        if (field === nested) items.push(new RestoredItem(bytes, at, end, resource, scope))
    }
  }
  return items
}
