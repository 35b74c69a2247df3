import type { BridgedFailure, BridgedSpan } from '../bus/bridged-span.ts'
import { type Attributes, addServer, errorTypeOf, keys, methodInName, withLabels } from './attributes.ts'

/** The event names of requests that this process makes begin with it. */
export const clientSpanName = 'http.client.request'

/** A request that this process makes. */
export class ClientExchange {
  readonly span: BridgedSpan
  readonly method: string
  readonly host: string
  readonly defaultPort: number
  status: number | undefined
  error: unknown
  hasFailed = false

  constructor(span: BridgedSpan, method: string, host: string, defaultPort: number) {
    this.span = span
    this.method = method
    this.host = host
    this.defaultPort = defaultPort
    this.status = undefined
    this.error = undefined
    span.rename(methodInName(method))
  }

  fail(error: unknown): void {
    this.hasFailed = true
    this.error = error
  }

  end(labels: object | undefined): void {
    const { method, host, defaultPort, status, error } = this
    const attributes: Attributes = { [keys.method]: method }
    addServer(attributes, host, defaultPort)
    if (status !== undefined) attributes[keys.status] = status
    let failure: BridgedFailure | undefined
    if (this.hasFailed) {
      attributes[keys.errorType] = error === undefined ? 'aborted' : errorTypeOf(error)
      failure = { error }
    } else if (status !== undefined && status >= 400) {
      attributes[keys.errorType] = String(status)
      failure = {}
    }
    this.span.end(withLabels(attributes, labels), failure)
  }
}
