import type { Bus } from './bus.ts'
import { newFields } from './field-room.ts'
import { notesOf, type SpanHost, SpanNames } from './running-span.ts'
import { maxKeys } from './sanitize.ts'
import { processScopes, type Scopes } from './scope.ts'
import { createSpanOpener, type SpanOptions } from './span-opener.ts'
import type { Scope } from './span-scope.ts'
import { formatTraceparent } from './traceparent.ts'

/** How the work of a span ended, when it failed. */
export interface BridgedFailure {
  /** In `metadata.error`; undefined if nothing more is known than that it failed. */
  readonly error?: unknown
}

/** Opens the spans of bridges. */
export interface BridgedSpans {
  /**
   * Opens a span: emits `<name>.start`. Returns undefined if no exporter takes its events. `apart`: the active span is
   * not its parent, only one that a `traceparent` in the metadata names. Never throws.
   */
  open(name: string, metadata: object, apart: boolean): BridgedSpan | undefined
  /** Makes `scope` that of the code that runs next. */
  readonly enter: Scopes['enter']
  readonly bind: Scopes['bind']
}

export function createBridgedSpans(
  options: SpanOptions & { readonly bus: Pick<Bus, 'isWanted'> },
): BridgedSpans {
  const { bus, scopes = processScopes } = options
  const open = createSpanOpener(options)
  const known = new Map<string, SpanNames>()
  const isWanted = (name: string): boolean => {
    const names = known.get(name) ?? new SpanNames(name)
    known.set(name, names)
    return bus.isWanted(names.success) || bus.isWanted(names.error) || bus.isWanted(names.start)
  }
  return {
    open: (name, metadata, apart) => (isWanted(name) ? open(name, metadata, BridgedSpan, apart) : undefined),
    enter: scopes.enter,
    bind: scopes.bind,
  }
}

/**
 * A span of which a bridge hears when it starts and ends. Unlike a `span()` it does not repeat its metadata in the event
 * that ends it: what its start says is for the exported span, what its end says is for metrics as well, as labels.
 */
export class BridgedSpan {
  readonly scope: Scope
  readonly #host: SpanHost
  readonly #names: SpanNames
  readonly #started: number
  readonly #correlationId: string | number | boolean
  #hasEnded: boolean

  constructor(
    host: SpanHost,
    names: SpanNames,
    scope: Scope,
    correlationId: string | number | boolean,
    fields: unknown[],
    bytes: number,
  ) {
    this.scope = scope
    this.#host = host
    this.#names = names
    this.#correlationId = correlationId
    this.#hasEnded = false
    this.#started = host.monotonic()
    host.bus.emitCaptured(names.start, fields, 0, scope, bytes, host.epochOf(this.#started))
  }

  get traceparent(): string {
    return formatTraceparent(this.scope)
  }

  get tracestate(): string | undefined {
    return this.scope.traceState
  }

  /** The name of the exported span. `name` is kept: it must not be a part of a long text. */
  rename(name: string): void {
    notesOf(this.scope).name = name
  }

  /** Runs `fn` with `argument` inside the span. */
  run<Argument, Result>(fn: (argument: Argument) => Result, argument: Argument): Result {
    return this.#host.scopes.run(this.scope, fn, argument)
  }

  /** Emits `<name>.success`, or `<name>.error` after a failure. Only the first call counts. Never throws. */
  end(metadata: object, failure: BridgedFailure | undefined): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    const { bus, monotonic, epochOf } = this.#host
    const now = monotonic()
    const fields = newFields()
    fields.push('duration_ms', Math.max(now - this.#started, 0), 'correlation_id', this.#correlationId)
    let bytes = endBytes
    if (failure?.error !== undefined) bytes += bus.capture({ error: failure.error }, fields, 1)
    bytes += bus.capture(metadata, fields, roomAtEnd)
    const name = failure === undefined ? this.#names.success : this.#names.error
    bus.emitCaptured(name, fields, 2, this.scope, bytes, epochOf(now))
  }
}

/** Bytes of the duration and the id of an end event. */
const endBytes = 128
/** Beside the id and the error. */
const roomAtEnd = maxKeys - 2
