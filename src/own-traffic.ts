const own = new WeakSet<object>()

/** Marks an agent or a server as telemachine's own: bridges make no telemetry of its requests, which would feed itself. */
export function markOwn<Marked extends object>(marked: Marked): Marked {
  own.add(marked)
  return marked
}

export const isOwn = (object: unknown): boolean =>
  typeof object === 'object' && object !== null && own.has(object)
