import { TelemetryError } from '../../errors.ts'
import type { Encoder } from './encode/encode.ts'
import { itemsOfRequest } from './restored-item.ts'
import type { SpanItem } from './span-item.ts'

/** Remembers the encoder of the client that serves: it knows the resource of what is written to disk. */
export interface Packing {
  encoder: Encoder | undefined
}

/** A request of OTLP as it would be sent. Throws before a client was ever open. */
export function packItems(items: readonly SpanItem[], { encoder }: Packing): Uint8Array {
  if (encoder === undefined)
    throw new TelemetryError(
      'SPOOL_UNREADY',
      'the spool cannot be written before the exporter has opened a client: the resource is not known until then',
    )
  return encoder.pack(items)
}

export const unpackItems = itemsOfRequest
