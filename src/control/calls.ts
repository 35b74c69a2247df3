import type { BreakerCommand } from '../../machines/index.ts'
import type { Unit } from '../delivery/unit.ts'
import { TelemetryError } from '../errors.ts'

/** The longest time a call may be given: Node fires a longer timer at once. */
const maxMs = 2 ** 31 - 1

/** @throws TelemetryError `TIMEOUT_INVALID`. */
export function checkedTimeout(
  call: string,
  timeoutMs: unknown,
  otherwise: number,
  key = 'timeoutMs',
): number {
  if (timeoutMs === undefined) return otherwise
  if (typeof timeoutMs === 'number' && timeoutMs >= 0 && timeoutMs <= maxMs) return timeoutMs
  const got = typeof timeoutMs === 'string' ? JSON.stringify(timeoutMs) : String(timeoutMs)
  throw new TelemetryError(
    'TIMEOUT_INVALID',
    `${call}: ${key} must be a number of milliseconds from 0 to ${maxMs}, for example ${otherwise} (got ${got})`,
  )
}

/** @throws TelemetryError `EXPORTER_UNKNOWN`. */
export function checkedExporter(ids: Iterable<string>, id: unknown): void {
  const known = [...ids]
  if (typeof id === 'string' && known.includes(id)) return
  const there = known.length > 0 ? `there is ${known.join(', ')}` : 'there are no exporters'
  throw new TelemetryError('EXPORTER_UNKNOWN', `there is no exporter ${JSON.stringify(String(id))}; ${there}`)
}

/** @throws TelemetryError `ENDPOINT_UNKNOWN`. */
export function checkedEndpoint(id: string, count: number, endpoint: unknown): void {
  if (endpoint === undefined) return
  if (Number.isInteger(endpoint) && (endpoint as number) >= 0 && (endpoint as number) < count) return
  const there = count === 1 ? 'one endpoint, 0' : `${count} endpoints, 0 to ${count - 1}`
  throw new TelemetryError(
    'ENDPOINT_UNKNOWN',
    `${id} has ${there}: endpoint must be the index of one (got ${JSON.stringify(endpoint) ?? String(endpoint)})`,
  )
}

/** Commands for the breaker of an exporter. Each throws a TelemetryError `BREAKER_UNUSED` if the exporter has none. */
export function breakerCommands(unit: Unit, id: string, tell: (command: BreakerCommand) => void) {
  const command = (name: BreakerCommand) => (): void => {
    if (unit.pulled)
      throw new TelemetryError(
        'BREAKER_UNUSED',
        `${id} has no circuit breaker: it is scraped, and sends nothing by itself`,
      )
    tell(name)
  }
  return { forceOpen: command('force_open'), disable: command('disable'), reset: command('reset') }
}
