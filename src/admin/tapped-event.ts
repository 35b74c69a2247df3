import type { TelemetryEvent } from '../bus/event.ts'

/** Texts of a tapped event are cut at this length. */
const maxText = 1000
/** A secret is looked for in this much of a text before it is cut. No secret that is known is longer. */
const maxRead = 16 * 1024 + maxText
/** Values of one event, at every depth. */
const maxValues = 500

/** A tapped event as one line of JSON, with its line break: short texts, and none of the configuration's secrets. */
export function shownEventLine(event: TelemetryEvent, redact: (text: string) => string): string {
  let values = 0

  const shownText = (text: string): string => {
    const shown = redact(text.length > maxRead ? text.slice(0, maxRead) : text)
    return shown.length > maxText ? `${shown.slice(0, maxText)}…` : shown
  }

  const shown = (value: unknown): unknown => {
    values += 1
    if (values > maxValues) return '…'
    if (typeof value === 'string') return shownText(value)
    // JSON has no NaN and no infinities.
    if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.slice(0, maxValues).map(shown)
    return record(value)
  }

  const record = (value: object): Record<string, unknown> =>
    Object.fromEntries(Object.entries(value).map(([key, inner]) => [shownText(key), shown(inner)]))

  const { name, time, measurements, metadata, scope } = event
  return `${JSON.stringify({
    name: shownText(name),
    time,
    measurements: record(measurements),
    metadata: record(metadata),
    ...(scope && { trace_id: scope.traceId, span_id: scope.spanId }),
  })}\n`
}
