// Shared by all copies of telemachine in a process.
const ownKey = Symbol.for('telemachine.own')

/** Marks an agent or a server as telemachine's own: bridges make no telemetry of its requests, which would feed itself. */
export function markOwn<Marked extends object>(marked: Marked): Marked {
  Object.defineProperty(marked, ownKey, { value: true })
  return marked
}

export const isOwn = (object: unknown): boolean =>
  typeof object === 'object' && object !== null && (object as { [ownKey]?: unknown })[ownKey] === true
