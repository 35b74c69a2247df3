import { subscribe as subscribeTo, unsubscribe as unsubscribeFrom } from 'node:diagnostics_channel'
import type { BridgedSpans } from '../bus/bridged-span.ts'
import type { Telemetry } from '../contract.ts'
import { TelemetryError } from '../errors.ts'
import { ingressOf } from '../ingress.ts'

/** The part of a `Telemetry` that bridges use. Only the object that `createTelemetry` returned is accepted. */
export type BridgedTelemetry = Pick<Telemetry, 'span'>

/**
 * Ends a bridge. The spans of running operations still end; later operations are not recorded. Further calls do
 * nothing.
 */
export type Unsubscribe = () => void

/** The parts that the subscribers of one bridge share. */
export interface Bridge {
  readonly spans: BridgedSpans
  /** False once the bridge was ended: it opens no more spans. */
  isActive(): boolean
  /**
   * Subscribes to a channel. What `take` throws is counted, and reaches no publisher. `untilReleased`: it hears messages
   * after the end of the bridge as well, until nothing is held any more.
   */
  on<Message>(channel: string, take: (message: Message) => void, untilReleased?: boolean): void
  /** Calls a function of the application; undefined if it throws, which is counted. */
  ask<Argument, Result>(
    channel: string,
    fn: ((argument: Argument) => Result) | undefined,
    argument: Argument,
  ): Result | undefined
  /** Something has begun that later messages end. */
  hold(): void
  /** It has ended. */
  release(): void
  /** Runs at the end of the bridge. */
  atEnd(fn: () => void): void
  readonly end: Unsubscribe
}

/** The bridges that a telemetry system has. */
const taken = new WeakMap<object, Set<string>>()

/** @throws TelemetryError `TELEMETRY_INVALID`; `BRIDGE_EXISTS` if `telemetry` has a bridge of this name. */
export function createBridge(telemetry: BridgedTelemetry, name: string): Bridge {
  const ingress = ingressOf(telemetry)
  if (ingress === undefined)
    throw new TelemetryError(
      'TELEMETRY_INVALID',
      'the first argument of a bridge must be a telemetry system that createTelemetry() returned',
    )
  const names = taken.get(telemetry) ?? new Set()
  taken.set(telemetry, names)
  if (names.has(name))
    throw new TelemetryError(
      'BRIDGE_EXISTS',
      `the bridge '${name}' is in use: a second one would count every request twice; call the unsubscribe function of the first`,
    )
  names.add(name)

  let active = true
  let held = 0
  let atOnce: (() => void)[] = []
  let whenReleased: (() => void)[] = []

  const settle = (): void => {
    if (active || held > 0) return
    for (const fn of whenReleased) fn()
    whenReleased = []
  }

  return {
    spans: ingress.spans,
    isActive: () => active,
    on: (channel, take, untilReleased = false) => {
      // Node.js throws what a subscriber throws as an uncaught exception.
      const listener = (message: unknown): void => {
        try {
          take(message as never)
        } catch (thrown) {
          ingress.bridgeFailed(name, channel, thrown)
        }
      }
      subscribeTo(channel, listener)
      const end = (): void => void unsubscribeFrom(channel, listener)
      if (untilReleased) whenReleased.push(end)
      else atOnce.push(end)
    },
    ask: (channel, fn, argument) => {
      if (fn === undefined) return undefined
      try {
        return fn(argument)
      } catch (thrown) {
        ingress.bridgeFailed(name, channel, thrown)
        return undefined
      }
    },
    hold: () => {
      held++
    },
    release: () => {
      held--
      settle()
    },
    atEnd: (fn) => void atOnce.push(fn),
    end: () => {
      if (!active) return
      active = false
      names.delete(name)
      for (const fn of atOnce) fn()
      atOnce = []
      settle()
    },
  }
}
