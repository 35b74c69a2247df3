/** How one attempt to export one batch ended. Expected failures are values; a driver need not throw. */
export type Outcome =
  /**
   * The backend accepted the batch, but refused `rejected` of its items (OTLP partial success). `cause`: what it said of
   * them, for the status. `ambiguous`: the weight that another process may have delivered before.
   */
  | {
      readonly type: 'delivered'
      readonly rejected?: number
      readonly cause?: unknown
      readonly ambiguous?: number
    }
  /**
   * The backend is down or overloaded: 429, 502, 503, 504, timeout, no connection. `ambiguous`: it may have taken the
   * batch all the same. `afterSeconds`: its Retry-After. `stale`: a kept connection turned out to be closed, which
   * says nothing of the backend: the batch is sent once more at once, and only a failure of that counts.
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
   * a failure of the backend all the same (500). `returned`: the driver has given the batch back to where it came from,
   * and it is counted so. `ambiguous`: the backend may have taken it before it was returned.
   */
  | {
      readonly type: 'refused'
      readonly unhealthy?: boolean
      readonly returned?: boolean
      readonly ambiguous?: boolean
      readonly cause: unknown
    }
  /** Wrong key or address: 401, 403, 404. `returned` as in `refused`. */
  | { readonly type: 'misdirected'; readonly returned?: boolean; readonly cause: unknown }
  /**
   * 413: split and resend. `unsent`: the driver saw it before it spoke to the backend, of which this says nothing.
   * `ambiguous`: some of its items were taken, and the driver says so when it gets them again.
   */
  | { readonly type: 'too_large'; readonly unsent?: boolean; readonly ambiguous?: boolean }
