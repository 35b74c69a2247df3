/** An event to emit in a test, as `telemetry.emit()` takes it. */
export interface ConformanceEvent {
  readonly name: string
  readonly measurements?: Readonly<Record<string, number>>
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** A part of the exporter's table. */
export type ConformanceTable = Readonly<Record<string, unknown>>

/** The options of {@link exporterConformance}. */
export interface ConformanceOptions {
  /**
   * The exporter's table without `type`, such that it reaches a working backend. A function is called for each path.
   */
  readonly config?: ConformanceTable | (() => ConformanceTable)
  /**
   * The n-th group of events, n from 0, all of which a healthy exporter delivers, for example a span's start and end. The
   * names are the same in each group.
   */
  readonly events: (n: number) => readonly ConformanceEvent[]
  /** Changes that each open a new client, applied in turn under load: `[{ endpoint: other }, { endpoint: first }]`. */
  readonly rebuilds?: () => readonly ConformanceTable[] | Promise<readonly ConformanceTable[]>
  /** A change whose client cannot open, such as a port that is taken. */
  readonly refused?: () => ConformanceTable | Promise<ConformanceTable>
  /** Makes the backend fail in a way that causes retries: it refuses connections or answers 503. */
  readonly breakBackend?: () => void | Promise<void>
  /** Makes the backend work again. It is also called at the end of each path that broke it. */
  readonly repairBackend?: () => void | Promise<void>
  /**
   * The number of telemetry events the backend has taken so far, in all; it is compared with the ledger. `facts` is
   * what the definition's `describe` said last, such as the address to ask.
   */
  readonly received?: (facts: ConformanceTable) => number | Promise<number>
  /** How long each step may take, in milliseconds. Default: 10,000. */
  readonly patienceMs?: number
}

/** One path through the life of an exporter; `run` rejects with an AssertionError where it strays. */
export interface ConformancePath {
  readonly name: string
  run(): Promise<void>
}
