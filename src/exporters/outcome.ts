/** How one attempt to export one batch ended. Expected failures are values; a driver need not throw. */
export type Outcome =
  /**
   * The backend took the batch; `rejected` of its items it refused (OTLP partial success). `cause`: what it said of
   * them, for the status.
   */
  | { readonly type: 'delivered'; readonly rejected?: number; readonly cause?: unknown }
  /**
   * Down or overloaded: 429, 502, 503, 504, timeout, no connection. `ambiguous`: it may have taken the batch all
   * the same. `afterSeconds`: its Retry-After. `stale`: a kept connection turned out to be closed, which says nothing of
   * the backend: the batch is sent once more at once, and only a failure of that counts.
   */
  | {
      readonly type: 'retry'
      readonly afterSeconds?: number
      readonly ambiguous?: boolean
      readonly stale?: boolean
      readonly cause: unknown
    }
  /**
   * Final: the backend does not want this data. It is alive (400), unless `unhealthy` says that the answer counts as
   * a failure of the backend all the same (500).
   */
  | { readonly type: 'refused'; readonly unhealthy?: boolean; readonly cause: unknown }
  /** Wrong key or address: 401, 403, 404. */
  | { readonly type: 'misdirected'; readonly cause: unknown }
  /** 413: split and resend. `unsent`: the driver saw it before it spoke to the backend, of which this says nothing. */
  | { readonly type: 'too_large'; readonly unsent?: boolean }
