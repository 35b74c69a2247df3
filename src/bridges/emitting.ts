import type { IncomingMessage } from 'node:http'
import type { BridgedSpan } from '../bus/bridged-span.ts'

type Emit = (this: IncomingMessage, ...parts: unknown[]) => boolean

/**
 * Has the listeners of a request run inside its span. Its body arrives outside of what handles it: since Node.js 24 an
 * `AsyncLocalStorage` that was entered when the request began is not seen there.
 */
export function keepEmitting(request: IncomingMessage, span: BridgedSpan): void {
  const emit = request.emit as Emit
  const emitAll = (parts: unknown[]): boolean => Reflect.apply(emit, request, parts) as boolean
  request.emit = (...parts: unknown[]) => span.run(emitAll, parts)
}
