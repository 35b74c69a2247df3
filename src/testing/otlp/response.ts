import { type OtlpSignal, rejectedNames } from './signals.ts'

export type OtlpFormat = 'protobuf' | 'json'

export interface PartialSuccess {
  readonly rejected: number
  readonly message: string
}

/** The response of a signal's export service; without a partial success it is empty, as for a request taken whole. */
export function encodeResponse(signal: OtlpSignal, format: OtlpFormat, partial?: PartialSuccess): Buffer {
  if (format === 'json') {
    const body = partial
      ? {
          partialSuccess: {
            [rejectedNames[signal]]: String(partial.rejected),
            errorMessage: partial.message,
          },
        }
      : {}
    return Buffer.from(JSON.stringify(body))
  }
  if (!partial) return Buffer.alloc(0)
  const rejected = partial.rejected === 0 ? [] : [8, ...varint(BigInt(partial.rejected))]
  return delimited(1, Buffer.concat([Buffer.from(rejected), delimited(2, Buffer.from(partial.message))]))
}

/** A `google.rpc.Status`, which OTLP wants as the body of every 4xx and 5xx. */
export function encodeStatus(format: OtlpFormat, message: string): Buffer {
  if (format === 'json') return Buffer.from(JSON.stringify({ message }))
  return delimited(2, Buffer.from(message))
}

function varint(value: bigint): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  do {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    bytes.push(rest > 0n ? low | 0x80 : low)
  } while (rest > 0n)
  return bytes
}

const delimited = (field: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([field * 8 + 2, ...varint(BigInt(content.length))]), content])
