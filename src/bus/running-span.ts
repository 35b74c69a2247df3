import { type Bus, maxNameLength } from './bus.ts'
import { newFields } from './field-room.ts'
import { ownCopy } from './own-copy.ts'
import { maxKeys } from './sanitize.ts'
import type { Scopes } from './scope.ts'
import type { Scope, SpanNote, SpanNotes } from './span-scope.ts'
import { formatTraceparent } from './traceparent.ts'

/** A span while it runs. Nothing of it throws; once the span has ended, what changes it does nothing. */
export interface SpanHandle {
  /** W3C `traceparent` with this span as the parent, for outgoing requests. */
  readonly traceparent: string
  /** The W3C `tracestate` to send with it; undefined if the trace has none. */
  readonly tracestate: string | undefined
  /** Returns `{ traceparent, tracestate? }`, to spread into the headers of a request; a fresh object. */
  headers(): Record<string, string>
  /** `correlation_id` or `request_id` of the span's events: as given, or made up. */
  readonly correlationId: string | number | boolean
  /**
   * Adds attributes: they are in the metadata of the event that ends the span, and so become attributes of the exported
   * span, labels and tags. A key that is there already gets the new value, except the id that `correlationId` shows:
   * it pairs the span's events. The limits of metadata hold.
   */
  set(attributes: object): void
  /**
   * Renames the exported span, to a route that is known only later for example. The events, and the metrics made of
   * them, keep the name the span was opened with.
   */
  rename(name: string): void
  /** Adds an event to the exported span, with the time of the call. A span has at most 128 of them, and 256 KiB. */
  addEvent(name: string, attributes?: object): void
  /**
   * The span will end as `<name>.error` with this error in `metadata.error`, though its function returns. The latest
   * error counts; one that the function throws counts most.
   */
  fail(error: unknown): void
  /**
   * Runs `fn` inside the span: spans and events in it, also asynchronous ones, belong to the span. Returns its value.
   */
  run<Result>(fn: () => Result): Result
}

/** A span that lasts until its `end()` is called. */
export interface StartedSpan extends SpanHandle {
  /** Ends the span: emits `<name>.success`, or `<name>.error` after `fail`. Only the first call counts. */
  end(): void
}

/** The name of a span, and those of its events. */
export class SpanNames {
  readonly span: string
  readonly start: string
  readonly success: string
  readonly error: string

  constructor(span: string) {
    this.span = span
    // Without a usable name the events are emitted nameless: refused and counted.
    this.start = span && `${span}.start`
    this.success = span && `${span}.success`
    this.error = span && `${span}.error`
  }
}

/** The parts that all spans of a telemetry system share. */
export interface SpanHost {
  readonly bus: Pick<Bus, 'capture' | 'emitCaptured'>
  readonly scopes: Scopes
  now(): number
  monotonic(): number
  /** Epoch milliseconds of what `monotonic` gave; undefined if the clock cannot tell. */
  epochOf(monotonic: number): number | undefined
}

/** A captured error, and its approximate size in bytes. */
interface Failure {
  readonly fields: readonly unknown[]
  readonly bytes: number
}

/**
 * A span that has started and not ended; it emits its events. Applications have it as their handle: what is not theirs is
 * private. Getters give functions, so that these may be taken out of the handle.
 */
export class RunningSpan implements SpanHandle {
  readonly correlationId: string | number | boolean
  readonly #host: SpanHost
  readonly #scope: Scope
  readonly #names: SpanNames
  readonly #started: number
  /** Metadata; shared with the start event until `set` copies it. */
  #fields: unknown[]
  #bytes: number
  #isCopied: boolean
  #hasEnded: boolean
  #failure: Failure | undefined

  constructor(
    host: SpanHost,
    names: SpanNames,
    scope: Scope,
    correlationId: string | number | boolean,
    fields: unknown[],
    bytes: number,
  ) {
    this.correlationId = correlationId
    this.#host = host
    this.#scope = scope
    this.#names = names
    this.#fields = fields
    this.#bytes = bytes
    this.#isCopied = false
    this.#hasEnded = false
    this.#failure = undefined
    this.#started = host.monotonic()
    host.bus.emitCaptured(names.start, fields, 0, scope, bytes, host.epochOf(this.#started))
  }

  get traceparent(): string {
    return formatTraceparent(this.#scope)
  }

  get tracestate(): string | undefined {
    return this.#scope.traceState
  }

  get headers(): () => Record<string, string> {
    return (): Record<string, string> => {
      const { traceparent, tracestate } = this
      return tracestate === undefined ? { traceparent } : { traceparent, tracestate }
    }
  }

  get set(): (attributes: object) => void {
    return (attributes) => {
      if (!this.#hasEnded) this.#set(attributes)
    }
  }

  get rename(): (name: string) => void {
    return (name) => {
      if (this.#hasEnded || typeof name !== 'string' || name === '' || name.length > maxNameLength) return
      notesOf(this.#scope).name = ownCopy(name)
    }
  }

  get addEvent(): (name: string, attributes?: object) => void {
    return (name, attributes) => {
      if (this.#hasEnded || typeof name !== 'string' || name.length > maxNameLength) return
      const fields = newFields()
      const bytes = this.#host.bus.capture(attributes, fields, maxKeys) + name.length + noteBytes
      addNote(notesOf(this.#scope), { name: ownCopy(name), time: this.#host.now(), fields }, bytes)
    }
  }

  get fail(): (error: unknown) => void {
    return (error) => {
      if (!this.#hasEnded) this.#failure = this.#capture(error)
    }
  }

  get run(): <Result>(fn: () => Result) => Result {
    return (fn) => this.#host.scopes.run(this.#scope, fn, undefined)
  }

  #set(attributes: object): void {
    const added = newFields()
    this.#bytes += this.#host.bus.capture(attributes, added, maxKeys)
    if (!this.#isCopied) this.#fields = this.#fields.slice()
    this.#isCopied = true
    const fields = this.#fields
    for (let i = 0; i < added.length; i += 2) {
      if (this.#isPairing(added[i])) continue
      const at = indexOf(fields, added[i])
      if (at >= 0) fields[at + 1] = added[i + 1]
      // Room for an error.
      else if (fields.length < 2 * (maxKeys - 1)) fields.push(added[i], added[i + 1])
      else notesOf(this.#scope).droppedAttributes++
    }
  }

  /**
   * Whether the start and the end of the span are paired by this key: with another value they would be of two spans.
   */
  #isPairing(key: unknown): boolean {
    if (key === 'correlation_id') return true
    return key === 'request_id' && indexOf(this.#fields, 'correlation_id') < 0
  }

  #capture(error: unknown): Failure {
    const fields = newFields()
    // An error that cannot be captured still makes the span fail.
    const bytes = this.#host.bus.capture({ error: error ?? String(error) }, fields, 1)
    return { fields, bytes }
  }

  #end(failure: Failure | undefined): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    const { bus, monotonic, epochOf } = this.#host
    const now = monotonic()
    const fields = newFields()
    fields.push('duration_ms', Math.max(now - this.#started, 0))
    let bytes = this.#bytes + durationBytes
    if (failure === undefined) append(this.#fields, undefined, fields)
    else {
      bytes += failure.bytes
      append(failure.fields, undefined, fields)
      append(this.#fields, 'error', fields)
    }
    const name = failure === undefined ? this.#names.success : this.#names.error
    bus.emitCaptured(name, fields, 2, this.#scope, bytes, epochOf(now))
  }

  /** Runs `fn` inside a span, with the span. */
  static enter<Result>(span: RunningSpan, fn: (span: SpanHandle) => Result): Result {
    return span.#host.scopes.run(span.#scope, fn, span)
  }

  /** Ends a span as it was told to. */
  static end(span: RunningSpan): void {
    span.#end(span.#failure)
  }

  static fail(span: RunningSpan, thrown: unknown): void {
    span.#end(span.#capture(thrown))
  }
}

/** A {@link RunningSpan} that its owner ends. */
export class EndableSpan extends RunningSpan implements StartedSpan {
  get end(): () => void {
    return () => RunningSpan.end(this)
  }
}

const durationBytes = 32

/** Bytes of a span event, beside its name and attributes. */
const noteBytes = 128
const maxNotes = 128
const maxNotesBytes = 256 * 1024

/** Returns the notes of a running span; they are made when first needed. */
export function notesOf(scope: Scope): SpanNotes {
  scope.notes ??= { name: undefined, events: [], bytes: 0, droppedEvents: 0, droppedAttributes: 0 }
  return scope.notes
}

function addNote(notes: SpanNotes, event: SpanNote, bytes: number): void {
  if (notes.events.length >= maxNotes || notes.bytes + bytes > maxNotesBytes) notes.droppedEvents++
  else {
    notes.events.push(event)
    notes.bytes += bytes
  }
}

function indexOf(fields: readonly unknown[], key: unknown): number {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === key) return i
  return -1
}

function append(fields: readonly unknown[], except: string | undefined, to: unknown[]): void {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] !== except) to.push(fields[i], fields[i + 1])
}
