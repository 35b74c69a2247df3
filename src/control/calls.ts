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
  const there = known.length > 0 ? `there is ${known.join(', ')}` : 'there is none'
  throw new TelemetryError('EXPORTER_UNKNOWN', `there is no exporter ${JSON.stringify(String(id))}; ${there}`)
}
