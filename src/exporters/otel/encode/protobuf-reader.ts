/**
 * Calls `each` with the fields of a message, in order: varints and fixed numbers as unsigned bigints, length-delimited
 * ones as bytes. Throws a RangeError on malformed bytes.
 */
export function readFields(bytes: Buffer, each: (field: number, value: bigint | Buffer) => void): void {
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++]
      if (byte === undefined) break
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new RangeError('malformed varint')
  }
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw new RangeError('a field is longer than its message')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = Number(varint())
    const field = Math.floor(tag / 8)
    switch (tag % 8) {
      case 0:
        each(field, varint())
        break
      case 1:
        each(field, take(8).readBigUInt64LE())
        break
      case 2:
        each(field, take(Number(varint())))
        break
      case 5:
        each(field, BigInt(take(4).readUInt32LE()))
        break
      default:
        throw new RangeError('unknown wire type')
    }
  }
}
