import { FieldRoom } from './field-room.ts'
import type { AttachedHandler } from './handlers.ts'
import type { InboxState } from './inbox.ts'
import { ownCopy } from './own-copy.ts'

/** Who receives the events of one name, each once however many of its patterns match. They never change once made. */
export interface Route {
  readonly inboxes: readonly InboxState[]
  readonly handlers: readonly AttachedHandler[]
  /** Somebody among them reads the exact time of events. */
  readonly timed: boolean
  /** Somebody reads the scope of these events. */
  readonly scoped: boolean
  /** How many fields its events have. */
  readonly room: FieldRoom
}

/** The route of a name that no exporter and no handler wants; compared by identity. */
export const nowhere: Route = {
  ...{ inboxes: [], handlers: [], timed: false, scoped: false },
  room: new FieldRoom(),
}

const maxNames = 10_000
const maxCharacters = 1_000_000

export interface Routes {
  of(name: string): Route
  /** Clears the cached routes, after a change of subscriptions. */
  invalidate(): void
  readonly size: number
}

/**
 * Remembers the route of each name. Names that never repeat (an id in the name) cannot grow it: it starts over when
 * full, which costs the names that do repeat one lookup in ten thousand.
 */
export function createRoutes(find: (name: string) => Route): Routes {
  const known = new Map<string, Route>()
  let characters = 0

  const invalidate = (): void => {
    known.clear()
    characters = 0
  }

  return {
    of: (name) => {
      const route = known.get(name)
      if (route !== undefined) return route
      if (known.size >= maxNames || characters > maxCharacters) invalidate()
      const found = find(name)
      known.set(ownCopy(name), found)
      characters += name.length
      return found
    },
    invalidate,
    get size() {
      return known.size
    },
  }
}
