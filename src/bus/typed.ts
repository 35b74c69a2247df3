/** Types of the measurements and metadata of one event name. A part that is left out must not be given. */
export interface EventShape {
  readonly measurements?: object
  readonly metadata?: object
}

/** The events of an application by name, for `createTelemetry<Events>()`. Interfaces and type aliases both fit. */
export type EventMap<Events> = { readonly [Name in keyof Events]: EventShape }

/** The default: any name, any measurements, any metadata. */
export type AnyEvents = Record<string, { measurements?: object; metadata?: object }>

/**
 * `emit` for known events: a name, then exactly the arguments of this event. An argument without required keys may be
 * left out.
 */
export type TypedEmit<Events extends EventMap<Events> = AnyEvents> = <Name extends keyof Events & string>(
  name: Name,
  ...carried: Carried<Events[Name]>
) => void

type NoFields = Readonly<Record<string, never>>

type Part<Shape, Key extends keyof EventShape> = Key extends keyof Shape ? NonNullable<Shape[Key]> : NoFields

/** `Then` if an empty object would do. */
type IfOptional<Fields, Then, Else> = Record<never, never> extends Fields ? Then : Else

type Carried<
  Shape,
  Measurements = Part<Shape, 'measurements'>,
  Metadata = Part<Shape, 'metadata'>,
> = IfOptional<
  Metadata,
  IfOptional<
    Measurements,
    [measurements?: Measurements, metadata?: Metadata],
    [measurements: Measurements, metadata?: Metadata]
  >,
  IfOptional<
    Measurements,
    [measurements: Measurements | undefined, metadata: Metadata],
    [measurements: Measurements, metadata: Metadata]
  >
>
