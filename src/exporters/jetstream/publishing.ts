import type { Published } from './client.ts'
import { createMessageIds, type MessageIds } from './message-ids.ts'

/** State of an exporter that publishes; outlives its clients. */
export interface Publishing {
  readonly ids: MessageIds
  readonly published: Published
}

/** Finds it by the state of the exporter, which is that of the exporter whose items it publishes. */
export function publishings(): (state: unknown) => Publishing {
  const known = new WeakMap<object, Publishing>()
  return (state) => {
    const key = state as object
    const found = known.get(key) ?? { ids: createMessageIds(), published: { batches: 0, duplicates: 0 } }
    known.set(key, found)
    return found
  }
}

/** Returns the counters for the status. */
export const shownPublished = ({ published: { batches, duplicates } }: Publishing) => ({
  published: batches,
  ...(duplicates > 0 && { duplicates }),
})
