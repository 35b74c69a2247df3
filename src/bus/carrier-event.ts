import type { TelemetryEvent } from './event.ts'
import { measured } from './snapshot.ts'

const nothing: Readonly<Record<string, never>> = Object.freeze(Object.create(null))

/** An event that brings something to one exporter, and has no measurements and metadata of its own. */
export abstract class CarrierEvent<Carried> implements TelemetryEvent {
  abstract readonly name: string
  readonly time: number
  readonly fields: readonly unknown[] = []
  readonly metadataStart = 0
  readonly measurements = nothing
  readonly metadata = nothing
  readonly #carried: Carried

  constructor(carried: Carried, time: number) {
    this.#carried = carried
    this.time = time
  }

  /** Bytes of what is carried. */
  protected abstract sizeOf(carried: Carried): number

  [measured](): number {
    return this.sizeOf(this.#carried)
  }

  /** Returns the value that an event of this class carries; undefined for another event. */
  static carriedBy<Carried>(
    this: abstract new (
      ...parts: never
    ) => CarrierEvent<Carried>,
    event: object,
  ): Carried | undefined {
    // biome-ignore lint/complexity/noThisInStatic: the class that it is asked of.
    return event instanceof this ? (event as CarrierEvent<Carried>).#carried : undefined
  }
}
