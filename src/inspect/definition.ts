import type { AnyStateMachine } from 'xstate'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What JSON can hold of a value; functions (computed inputs and parameters) are left out. */
function plain(value: unknown): Json | undefined {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (Array.isArray(value)) return value.map((item) => plain(item) ?? null)
  return isRecord(value) ? object(Object.entries(value).map(([key, item]) => [key, plain(item)])) : undefined
}

const object = (entries: readonly (readonly [string, Json | undefined])[]): Record<string, Json> =>
  Object.fromEntries(entries.filter((entry): entry is [string, Json] => entry[1] !== undefined))

/** Actions and guards by name, with the parameters that are plain values. */
function named(thing: unknown): Json | undefined {
  if (thing === undefined) return undefined
  if (typeof thing === 'function') return { type: thing.name || 'inline' }
  if (typeof thing === 'string') return { type: thing }
  const { type, params } = thing as { type?: unknown; params?: unknown }
  return object([
    ['type', String(type)],
    ['params', plain(params)],
  ])
}

const listOf = (things: unknown): readonly unknown[] =>
  things === undefined ? [] : Array.isArray(things) ? things : [things]

const actions = (things: unknown): Json | undefined => {
  const list = listOf(things).map((thing) => named(thing) ?? null)
  return list.length > 0 ? list : undefined
}

function transition(definition: unknown): Json {
  if (typeof definition === 'string') return { target: definition }
  const { target, guard, actions: done, reenter } = definition as Record<string, unknown>
  return object([
    ['target', plain(target)],
    ['guard', named(guard)],
    ['actions', actions(done)],
    ['reenter', plain(reenter)],
  ])
}

const transitions = (definitions: unknown): Json | undefined => {
  const list = listOf(definitions).map(transition)
  return list.length > 0 ? list : undefined
}

const transitionMap = (map: unknown): Json | undefined =>
  isRecord(map)
    ? object(Object.entries(map).map(([event, definitions]) => [event, transitions(definitions)]))
    : undefined

const invoke = (definition: unknown): Json => {
  const { id, src, onDone, onError } = definition as Record<string, unknown>
  return object([
    ['id', plain(id)],
    ['src', typeof src === 'string' ? src : 'inline'],
    ['onDone', transitions(onDone)],
    ['onError', transitions(onError)],
  ])
}

function state(config: Record<string, unknown>): Record<string, Json> {
  const invokes = listOf(config.invoke).map(invoke)
  return object([
    ['id', plain(config.id)],
    ['description', plain(config.description)],
    ['type', plain(config.type)],
    ['initial', plain(config.initial)],
    ['entry', actions(config.entry)],
    ['exit', actions(config.exit)],
    ['invoke', invokes.length > 0 ? invokes : undefined],
    ['on', transitionMap(config.on)],
    ['after', transitionMap(config.after)],
    ['always', transitions(config.always)],
    ['onDone', transitions(config.onDone)],
    [
      'states',
      isRecord(config.states)
        ? object(
            Object.entries(config.states).map(([key, child]) => [
              key,
              state(child as Record<string, unknown>),
            ]),
          )
        : undefined,
    ],
  ])
}

/**
 * The machine as Stately Studio imports it, and `createMachine` takes it: pure data, in which actions, guards,
 * delays and actors are names.
 */
export const definitionOf = (machine: AnyStateMachine): Record<string, Json> =>
  state(machine.config as Record<string, unknown>)
