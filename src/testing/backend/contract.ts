import type { TlsOptions } from 'node:tls'
import type { Fault, FaultOptions } from './faults.ts'
import type { ReceivedPoint } from './points.ts'
import type { BackendRequest, ReceivedLogRecord, ReceivedSpan } from './request.ts'

/** The options of {@link createBackend}. */
export interface BackendOptions {
  /** Default: `127.0.0.1`. */
  readonly host?: string
  /** Default: 0, any free port. The port is kept when the backend is closed and opened again. */
  readonly port?: number
  /** `true` makes a certificate for localhost, to be trusted with `ca: backend.certificate`. */
  readonly tls?: true | (TlsOptions & { readonly cert: string | Buffer })
  /** The path for spans. Default: `/v1/traces`. */
  readonly path?: string
  /** The path for log records. Default: `/v1/logs`. */
  readonly logsPath?: string
  /** The path for metrics. Default: `/v1/metrics`. */
  readonly metricsPath?: string
  /** A longer body, decompressed or not, is answered 413. Default: 64 MiB. */
  readonly maxRequestBytes?: number
  /**
   * Spans kept in `spans`, log records in `logRecords`, data points in `points`; the oldest go first. Default:
   * 100,000.
   */
  readonly limit?: number
  /** Requests kept in `log`. Default: 100. */
  readonly logLimit?: number
  /** `full` decodes requests; `count` only counts the items of protobuf requests, for benchmarks. Default: `full`. */
  readonly decode?: 'full' | 'count'
}

/** Counters of a backend since it was made, or since `forget()`. */
export interface BackendStats {
  readonly requests: number
  /** Spans accepted. */
  readonly spanCount: number
  /** Log records accepted. */
  readonly logRecordCount: number
  /** Data points of metrics accepted. */
  readonly pointCount: number
  /** Spans, log records and data points that arrived, accepted or not, as far as their requests were read. */
  readonly received: number
  /** Accepted items whose sender has not received a whole answer (yet), and may send them again. */
  readonly acceptedWithoutAnswer: number
  /** Spans, log records and data points refused in partial successes. */
  readonly rejected: number
  /** Requests that were not HTTP, not OTLP, or had wrong headers. */
  readonly malformed: number
  /** Connections open now. The end of one that a `hang` does not read from is seen only when it is cut. */
  readonly connections: number
  /** Connections ever made, `forget()` or not. */
  readonly connectionsTotal: number
}

/**
 * A real OTLP/HTTP receiver on loopback, for tests: it decodes strictly (protobuf and JSON, plain, gzip, deflate),
 * counts what it accepts, and fails on command (`fault`).
 */
export interface Backend extends BackendStats {
  /** Such as `http://127.0.0.1:4318/v1/traces`, once it listens. */
  readonly url: string
  /** The URL to which log records are sent, such as `http://127.0.0.1:4318/v1/logs`. */
  readonly logsUrl: string
  /** The URL to which metrics are sent, such as `http://127.0.0.1:4318/v1/metrics`. */
  readonly metricsUrl: string
  readonly port: number
  /** The server's certificate in PEM, with `tls`. */
  readonly certificate: string | undefined
  /** The accepted spans, oldest first. */
  readonly spans: readonly ReceivedSpan[]
  /** The accepted log records, oldest first. */
  readonly logRecords: readonly ReceivedLogRecord[]
  /** The accepted data points of metrics, oldest first. */
  readonly points: readonly ReceivedPoint[]
  /** The latest requests, oldest first. */
  readonly log: readonly BackendRequest[]
  /** The counters, as one plain object. */
  stats(): BackendStats
  listen(): Promise<void>
  /** Closes the port and every connection. Resolves when they are closed. */
  close(): Promise<void>
  /** Listens again, on the same port. */
  reopen(): Promise<void>
  /** Closes every connection (FIN), and keeps listening. */
  cutConnections(): void
  /**
   * Makes the backend fail from now on, or for `times` requests. It takes effect at once: `refuse` has closed the
   * port when this returns. Throws `TESTING_FAULT_INVALID`: `slow_tls` without TLS, `times` with `refuse`.
   */
  fault(fault: Fault, options?: FaultOptions): void
  /** Forgets all faults; resolves when the port is open again, if it was refusing. Hung requests stay hung. */
  clear(): Promise<void>
  /** Forgets the spans, the log records, the data points, the log of requests and the counters. */
  forget(): void
  /** Calls back for each request, once its answer is decided. Returns an unsubscribe function. */
  onRequest(listener: (request: BackendRequest) => void): () => void
  /**
   * Resolves when `holds` returns true; it is called after each change. Rejects with `TESTING_TIMEOUT` after 5 s, not
   * counting the time in which the process stands still.
   */
  waitFor(holds: () => boolean, timeoutMs?: number): Promise<void>
  /** Resolves when this many spans are accepted in all. */
  waitForSpans(spanCount: number, timeoutMs?: number): Promise<void>
  /** Resolves when this many log records are accepted in all. */
  waitForLogRecords(logRecordCount: number, timeoutMs?: number): Promise<void>
  /** Resolves when this many data points are accepted in all. */
  waitForPoints(pointCount: number, timeoutMs?: number): Promise<void>
  /** Resolves when at least the headers of this many requests have arrived in all. */
  waitForRequests(requests: number, timeoutMs?: number): Promise<void>
}
