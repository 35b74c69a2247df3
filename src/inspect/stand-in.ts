import { definitionOf } from './definition.ts'

/** Where a machine is: names of states, nested as the chart is. */
export type SafeValue = string | { readonly [state: string]: SafeValue }

/** The part of a snapshot that observers may see. */
export interface SafeSnapshot {
  readonly status: string
  /** Machines only. */
  readonly value?: SafeValue
}

/** The part of an actor that an observer may see: its names and its chart, without access to the actor itself. */
export interface StandIn {
  readonly id: string
  readonly sessionId: string
  readonly systemId: string | undefined
  /** The chart as data; undefined for an actor that is not a machine. */
  readonly logic: { readonly config: object } | undefined
  readonly _parent: { readonly sessionId: string } | undefined
  /** Where the actor is now, as a copy. */
  getSnapshot(): SafeSnapshot
}

interface Actor {
  readonly id?: unknown
  readonly sessionId?: unknown
  readonly systemId?: unknown
  readonly logic?: { readonly config?: unknown; readonly root?: unknown }
  readonly _parent?: { readonly sessionId?: unknown }
  getSnapshot?(): unknown
}

const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 256) : '')

const deepest = 32

function safeValue(value: unknown, depth = 0): SafeValue | undefined {
  if (typeof value === 'string') return text(value)
  if (typeof value !== 'object' || value === null || depth > deepest) return undefined
  const entries = Object.entries(value).map(([key, inner]) => [key, safeValue(inner, depth + 1)] as const)
  return Object.fromEntries(entries.filter((entry): entry is [string, SafeValue] => entry[1] !== undefined))
}

const definitions = new WeakMap<object, object>()

/** Only a machine has a chart; other logic keeps data where a machine keeps its `config`, or its value. */
function chartOf({ logic }: Actor): object | undefined {
  if (!logic?.root || typeof logic.config !== 'object' || logic.config === null) return undefined
  const known = definitions.get(logic.config)
  if (known) return known
  const definition = definitionOf(logic as Parameters<typeof definitionOf>[0])
  definitions.set(logic.config, definition)
  return definition
}

/** The harmless part of what an actor shows. */
export function safeSnapshot(standIn: StandIn, snapshot: unknown): SafeSnapshot {
  const { status, value } = (snapshot ?? {}) as { status?: unknown; value?: unknown }
  const where = standIn.logic && safeValue(value)
  const known = text(status) || 'active'
  return where === undefined ? { status: known } : { status: known, value: where }
}

/** Gives each actor its stand-in, the same one each time. */
export function createStandIns(): (actor: object) => StandIn {
  const known = new WeakMap<object, StandIn>()

  return (actor) => {
    const found = known.get(actor)
    if (found) return found
    const real = actor as Actor
    const config = chartOf(real)
    const parent = real._parent && text(real._parent.sessionId)
    const standIn: StandIn = {
      id: text(real.id) || text(real.sessionId),
      sessionId: text(real.sessionId),
      systemId: text(real.systemId) || undefined,
      logic: config && { config },
      _parent: parent ? { sessionId: parent } : undefined,
      getSnapshot() {
        try {
          return safeSnapshot(standIn, real.getSnapshot?.())
        } catch {
          // An actor that is being made has none yet.
          return { status: 'active' }
        }
      },
    }
    known.set(actor, standIn)
    return standIn
  }
}
