import { TelemetryError } from '../../errors.ts'
import type { Encoder } from './encode/encode.ts'
import { itemsOfRequest } from './restored-item.ts'
import type { SpanItem } from './span-item.ts'

/** Remembers the encoder of the client that serves: it knows the resource of what is written to disk. */
export interface Packing {
  encoder: Encoder | undefined
}

/** The error of packing before a client was ever open. */
export const spoolUnready = (): TelemetryError =>
  new TelemetryError(
    'SPOOL_UNREADY',
    'the spool cannot be written before the exporter has opened a client: the resource is not known until then',
  )

/** A request of OTLP as it would be sent. Throws before a client was ever open. */
export function packItems(items: readonly SpanItem[], { encoder }: Packing): Uint8Array {
  if (encoder === undefined) throw spoolUnready()
  return encoder.pack(items)
}

export const unpackItems = itemsOfRequest

/** Lets a client that has been opened pack what is written to disk, if it is the first one. */
export function packedBy<Client extends { readonly encoder: Encoder }>(
  client: Client,
  state: Packing,
): Client {
  state.encoder ??= client.encoder
  return client
}
