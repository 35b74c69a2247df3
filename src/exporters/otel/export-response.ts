/** What an ExportTraceServiceResponse says beside success. */
export interface PartialSuccess {
  readonly rejected: number
  /** A warning if `rejected` is 0. At most 1,000 characters. */
  readonly message: string
}

const nothing: PartialSuccess = { rejected: 0, message: '' }

/**
 * Reads `partial_success { rejected_spans = 1; error_message = 2 }`, field 1 of the response (opentelemetry-proto,
 * collector/trace/v1). A response of another type says nothing. Throws a RangeError on malformed bytes.
 */
export function rejectedSpans(body: Uint8Array, contentType: string | undefined): PartialSuccess {
  if (contentType !== undefined && !/protobuf/i.test(contentType)) return nothing
  let result = nothing
  readFields(body, (field, value) => {
    if (field === 1 && typeof value !== 'bigint') result = readPartialSuccess(value)
  })
  return result
}

function readPartialSuccess(bytes: Uint8Array): PartialSuccess {
  let rejected = 0
  let message = ''
  readFields(bytes, (field, value) => {
    if (field === 1 && typeof value === 'bigint') rejected = Number(BigInt.asIntN(64, value))
    else if (field === 2 && typeof value !== 'bigint')
      message = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8').slice(0, 1000)
  })
  return { rejected: Math.max(rejected, 0), message }
}

/** Calls `each` with varints and length-delimited fields; skips the fixed ones. */
function readFields(bytes: Uint8Array, each: (field: number, value: bigint | Uint8Array) => void): void {
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
  const take = (length: number): Uint8Array => {
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
        take(8)
        break
      case 2:
        each(field, take(Number(varint())))
        break
      case 5:
        take(4)
        break
      default:
        throw new RangeError('unknown wire type')
    }
  }
}
