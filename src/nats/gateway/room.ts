import type { Telemetry } from '../../contract.ts'
import type { ExporterStatus } from '../../status.ts'

/** Where the messages of a signal may go at the moment. */
export interface Room {
  /** Ids of the exporters that take them. */
  readonly exporters: readonly string[]
  /** How many messages may come. */
  readonly messages: number
}

const serving = new Set(['serving', 'replacing'])
const letting = new Set(['closed', 'disabled'])

/** How many more messages an exporter has room for: one, to probe, while its breaker tries whether the backend is back. */
function roomOf({ state, breaker, client }: ExporterStatus, limit: number): number {
  const { outstanding } = client
  const open = limit - (typeof outstanding === 'number' ? outstanding : 0)
  if (!serving.has(state)) return 0
  if (letting.has(breaker)) return open
  return breaker === 'half_open' && open === limit ? 1 : 0
}

/**
 * Finds the exporters of a type that are enabled, and their room. While one of them is in trouble no messages come: they
 * stay in the stream, for other gateways.
 */
export function roomFor(telemetry: Pick<Telemetry, 'status'>, type: string, limit: number): Room {
  const found = Object.entries(telemetry.status().exporters).filter(
    ([, status]) => status.type === type && status.state !== 'disabled' && status.state !== 'draining',
  )
  const messages = Math.min(...found.map(([, status]) => roomOf(status, limit)), limit)
  return { exporters: found.map(([id]) => id), messages: found.length === 0 ? 0 : Math.max(messages, 0) }
}
