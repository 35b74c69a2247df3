import { readFields } from './encode/protobuf-reader.ts'

/** The partial success of an ExportTraceServiceResponse. */
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
export function rejectedItems(body: Uint8Array, contentType: string | undefined): PartialSuccess {
  if (contentType !== undefined && !/protobuf/i.test(contentType)) return nothing
  let result = nothing
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  readFields(bytes, (field, value) => {
    if (field === 1 && typeof value !== 'bigint') result = readPartialSuccess(value)
  })
  return result
}

function readPartialSuccess(bytes: Buffer): PartialSuccess {
  let rejected = 0
  let message = ''
  readFields(bytes, (field, value) => {
    if (field === 1 && typeof value === 'bigint') rejected = Number(BigInt.asIntN(64, value))
    else if (field === 2 && typeof value !== 'bigint') message = value.toString('utf8').slice(0, 1000)
  })
  return { rejected: Math.max(rejected, 0), message }
}
