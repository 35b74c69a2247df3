import type { BackendRequest } from './request.ts'

/**
 * A fault of a backend for one request. `accepted` says whether the spans or log records count as taken. It defaults to
 * true if the fault answers 200 or cuts the connection after the whole body, else to false.
 */
export type RequestFault =
  /** An error, a redirect, any other answer. `when: 'before'` gives it without reading the body, then hangs up. */
  | {
      readonly type: 'status'
      readonly status: number
      /** Sent as it is: seconds, an HTTP-date, or junk. */
      readonly retryAfter?: string | number
      readonly headers?: Readonly<Record<string, string>>
      /** Default: a `google.rpc.Status` with a message. */
      readonly body?: string | Uint8Array
      readonly when?: 'before' | 'after'
      readonly accepted?: boolean
    }
  /** 200, and the last `rejected` spans or log records refused. More than there are is said as it is. */
  | { readonly type: 'partial'; readonly rejected: number; readonly message?: string }
  /** No answer, ever: nothing is read, or the beginning of the body, or all of it. */
  | { readonly type: 'hang'; readonly when?: When; readonly accepted?: boolean }
  /** The connection is reset (RST) at the headers, at the first piece of the body, or after the body. */
  | { readonly type: 'reset'; readonly when?: When; readonly accepted?: boolean }
  /** A 200 whose status line, headers and body arrive in pieces of `bytes` (1) every `intervalMs` (20). */
  | {
      readonly type: 'drip'
      readonly bytes?: number
      readonly intervalMs?: number
      /** Length of the message in the body; `Infinity` never ends. Default: 64. */
      readonly size?: number
      readonly accepted?: boolean
    }
  /** A 200 with a body of `size` bytes (8 MiB), its length declared or not, sent plain or as a gzip bomb. */
  | {
      readonly type: 'oversized'
      readonly size?: number
      readonly declared?: boolean
      readonly gzip?: boolean
      readonly accepted?: boolean
    }
  /**
   * `not_http`: another protocol's greeting. `body`: a 200 whose body is no protobuf. `truncated`: a 200 that ends
   * before its declared length. `nothing`: the connection ends without a byte.
   */
  | {
      readonly type: 'junk'
      readonly what: 'not_http' | 'body' | 'truncated' | 'nothing'
      readonly accepted?: boolean
    }
  /** Decides on the decoded request, for backends that choke on one certain span. */
  | { readonly type: 'choose'; readonly choose: (request: BackendRequest) => RequestFault | undefined }

/** When a fault acts: before the body is read, at the first piece of it, or after all of it. */
export type When = 'before' | 'during' | 'after'

/** A fault of a backend for connections. */
export type ConnectionFault =
  /** The port is closed and all connections are cut, until `clear()`. */
  | { readonly type: 'refuse' }
  /** The TLS handshake of new connections begins after `delayMs`. Default: never. */
  | { readonly type: 'slow_tls'; readonly delayMs?: number }

/** A way for a {@link Backend} to misbehave: with a request, or with a connection. */
export type Fault = RequestFault | ConnectionFault

/** The options of `backend.fault()`. */
export interface FaultOptions {
  /** For so many requests (`slow_tls`: connections), after the faults queued before. Default: until `clear()`. */
  readonly times?: number
}

/** The faults to come: a queue of counted ones, and one that stands when the queue is empty. */
export interface FaultPlan<F> {
  add(fault: F, times: number | undefined): void
  next(): F | undefined
  clear(): void
}

export function createFaultPlan<F>(): FaultPlan<F> {
  const queue: { readonly fault: F; left: number }[] = []
  let standing: F | undefined
  return {
    add(fault, times) {
      if (times === undefined) standing = fault
      else if (times > 0) queue.push({ fault, left: times })
    },
    next() {
      const [head] = queue
      if (!head) return standing
      head.left -= 1
      if (head.left <= 0) queue.shift()
      return head.fault
    },
    clear() {
      queue.length = 0
      standing = undefined
    },
  }
}

/** Whether the items of a request that met this fault count as taken. */
export function takes(fault: RequestFault): boolean {
  if ('accepted' in fault && fault.accepted !== undefined) return fault.accepted
  switch (fault.type) {
    case 'status':
      return fault.when !== 'before' && fault.status >= 200 && fault.status < 300
    case 'reset':
      return (fault.when ?? 'after') === 'after'
    case 'junk':
      return fault.what !== 'not_http'
    case 'hang':
    case 'choose':
      return false
    case 'partial':
    case 'drip':
    case 'oversized':
      return true
  }
}
