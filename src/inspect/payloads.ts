/**
 * The fields of each event of the control plane that may be shown, beside its type. Other fields are never
 * shown: batches, errors, reasons, outputs and references stay inside.
 */
type Read = (event: Record<string, unknown>) => unknown

const longestName = 256

const flag: (field: string) => Read = (field) => (event) =>
  typeof event[field] === 'boolean' ? event[field] : undefined
const count: (field: string) => Read = (field) => (event) =>
  typeof event[field] === 'number' ? event[field] : undefined
/** For ids and words of closed lists; texts that people or backends write are no names. */
const name: (field: string) => Read = (field) => (event) => nameOf(event[field])

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
const nameOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value.slice(0, longestName) : undefined
const namesOf = (value: unknown): string[] | undefined =>
  Array.isArray(value) ? value.slice(0, 100).flatMap((item) => nameOf(item) ?? []) : undefined
const numbersOf = (value: unknown): number[] | undefined =>
  Array.isArray(value) ? value.slice(0, 100).filter((item) => typeof item === 'number') : undefined
const within =
  (field: string, fields: Readonly<Record<string, Read>>): Read =>
  (event) => {
    const inner = event[field]
    return isRecord(inner) ? pick(inner, fields) : undefined
  }

function pick(
  event: Record<string, unknown>,
  fields: Readonly<Record<string, Read>>,
): Record<string, unknown> {
  const picked: Record<string, unknown> = {}
  for (const [field, read] of Object.entries(fields)) {
    const value = read(event)
    if (value !== undefined) picked[field] = value
  }
  return picked
}

const versioned = { id: name('id'), version: count('version') }
const id = { id: name('id') }
/** Index of an endpoint; null where none serves. Its URL is not shown. */
const endpoint = {
  endpoint: (event: Record<string, unknown>) => (event.endpoint === null ? null : count('endpoint')(event)),
}
const withinMs = { withinMs: count('withinMs') }
/** Names of configuration keys, never their values. */
const keys: Read = (event) => namesOf(event.keys)

const table: Readonly<Record<string, Readonly<Record<string, Read>>>> = {
  'work.arrived': { items: count('items'), events: count('events'), dueInMs: count('dueInMs') },
  'telemetry.batch': {
    items: count('items'),
    events: count('events'),
    bytes: count('bytes'),
    urgent: flag('urgent'),
  },
  'work.deferred': { ms: count('ms'), by: name('by') },
  'delivery.drain': withinMs,
  'permit.request': {
    purpose: name('purpose'),
    except: ({ except }) => numbersOf(except),
    last: flag('last'),
  },
  'permit.granted': {
    permit: within('permit', {
      generation: count('generation'),
      endpoint: count('endpoint'),
      others: flag('others'),
      probe: flag('probe'),
    }),
  },
  'permit.denied': endpoint,
  'permit.revoked': endpoint,
  'endpoint.changed': endpoint,
  'breaker.shown': { ...endpoint, availability: name('availability') },
  'export.reported': {
    generation: count('generation'),
    ...endpoint,
    results: ({ results }) => namesOf(results),
    at: count('at'),
    jitter: count('jitter'),
    retryAfterMs: count('retryAfterMs'),
  },
  'breaker.configure': {
    settings: within('settings', {
      failureThreshold: count('failureThreshold'),
      resetTimeoutMs: count('resetTimeoutMs'),
      initialResetTimeoutMs: count('initialResetTimeoutMs'),
      probeTimeoutMs: count('probeTimeoutMs'),
    }),
  },
  'breaker.command': { id: name('id'), command: name('command'), ...endpoint },
  'config.prepare': { version: count('version'), effect: name('effect'), keys },
  'config.commit': { version: count('version'), keys },
  'config.abort': { version: count('version'), keys },
  'config.prepared': versioned,
  'config.refused': versioned,
  'config.acknowledged': versioned,
  'config.change': {
    version: count('version'),
    changes: ({ changes }) =>
      Array.isArray(changes)
        ? changes
            .slice(0, 100)
            .filter(isRecord)
            .map((change) =>
              pick(change, {
                id: ({ unit }) => (isRecord(unit) ? nameOf(unit.id) : undefined),
                effect: name('effect'),
                keys,
              }),
            )
        : undefined,
  },
  'exporters.flush': { ids: ({ ids }) => namesOf(ids) },
  'exporter.restart': id,
  'exporter.stop': withinMs,
  'exporter.stopped': id,
  'system.stop': { timeoutMs: count('timeoutMs') },
}

const shown = new Map(Object.entries(table))

/** An event of a statechart as inspectors may see it: fields that may hold secrets or user data are replaced. */
export interface SafeEvent {
  readonly type: string
  readonly [field: string]: unknown
}

/** A copy of an event with its type, and of its payload what is known to be harmless. */
export function safeEvent(event: unknown): SafeEvent {
  const type = isRecord(event) ? (nameOf(event.type) ?? '') : ''
  const fields = shown.get(type)
  return fields && isRecord(event) ? { type, ...pick(event, fields) } : { type }
}
