import { dropReasons } from '../../drop-reasons.ts'
import type { Family } from '../aggregate/families.ts'
import { overflowsOf, type State } from '../aggregate/state.ts'
import { type Labels, occupiedNames } from '../names.ts'
import type { PlainFamily, PlainSample } from './render.ts'

/**
 * telemachine's own health as metrics, read from `status()`: plain JSON, of which each part may be missing.
 * Names follow OpenTelemetry's `otel.sdk.*` where they exist (they speak of spans, so for exporters of spans only),
 * Prometheus' customs otherwise.
 */

type Type = 'counter' | 'gauge' | 'summary'

const described = {
  telemachine_events_accepted_total: 'Telemetry events accepted for the exporter.',
  telemachine_events_delivered_total: 'Telemetry events delivered by the exporter.',
  telemachine_events_dropped_total: 'Telemetry events dropped, by reason.',
  telemachine_events_ambiguous_total:
    'Telemetry events sent again or dropped although they may have arrived.',
  telemachine_events_pending: 'Telemetry events accepted and neither delivered nor dropped yet, by stage.',
  telemachine_queue_capacity: 'Items the queue of the exporter can hold.',
  telemachine_exporter_state: 'State of the exporter: 1 for the one it is in.',
  telemachine_breaker_state: 'State of the circuit breaker of the exporter: 1 for the one it is in.',
  telemachine_endpoint_breaker_state:
    'State of the circuit breaker of each endpoint of an exporter that has several: 1 for the one it is in.',
  telemachine_endpoint_serves: 'Whether telemetry goes to the endpoint, of an exporter that has several.',
  telemachine_config_version: 'Version of the configuration in force.',
  telemachine_config_last_reload_successful: 'Whether the last configuration change was accepted.',
  telemachine_config_last_reload_success_timestamp_seconds: 'When a configuration change was last accepted.',
  telemachine_bus_emitted_total: 'Telemetry events emitted.',
  telemachine_bus_dropped_total: 'Telemetry events that reached no exporter or handler, by reason.',
  telemachine_handler_failures_total: 'Calls of telemetry handlers that threw.',
  telemachine_metric_families: 'Metric families aggregated for this page.',
  telemachine_metric_series: 'Label sets aggregated for this page.',
  telemachine_measurements_refused_total: 'Measurements refused: negative, infinite, not a number.',
  telemachine_measurements_limited_total: 'Measurements dropped at the limit of metric families.',
  telemachine_metric_overflow:
    'Metrics at a limit of series, with the label that has most values: the rest is in their overflow series.',
  telemachine_cluster_members: 'Processes and threads that share this page.',
  telemachine_cluster_members_late:
    'Of those, the ones that did not answer this scrape in time: what they counted last is missing.',
  otel_sdk_processor_span_queue_size: 'Telemetry events that wait in the queue of the span exporter.',
  otel_sdk_processor_span_queue_capacity: 'Items the queue of the span exporter can hold.',
  otel_sdk_exporter_span_inflight: 'Telemetry events in requests of the span exporter under way.',
  otel_sdk_exporter_operation_duration_seconds: 'Duration of attempts to export a batch.',
} as const

type Name = keyof typeof described

const typeOf = (name: Name): Type => {
  if (name === 'otel_sdk_exporter_operation_duration_seconds') return 'summary'
  return name.endsWith('_total') ? 'counter' : 'gauge'
}

const names = Object.keys(described) as Name[]

/** The names no metric of the user gets, whether health is shown or not: it may be switched on later. */
export const healthNames: readonly string[] = names.flatMap((name) =>
  occupiedNames(typeOf(name), { name, base: name.replace(/_total$/, '') }),
)

const exporterStates = [
  ...[
    'disabled',
    'opening',
    'retrying',
    'serving',
    'replacing',
    'draining',
    'stopped',
    'restarting',
    'failed',
  ],
]
const breakerStates = ['closed', 'open', 'half_open', 'forced_open', 'disabled']

/** As much of a state as health is read from. */
export interface Measured extends Pick<State, 'totals'> {
  readonly families: readonly Family[]
  readonly refused?: number
  readonly limited?: number
  readonly members?: number
  readonly late?: number
}

/** Never throws, whatever `status` is. */
export function healthOf(status: unknown, state: Measured): PlainFamily[] {
  const found = new Map<Name, PlainSample[]>()
  const add: Add = (name, value, labels = [], suffix = '') => {
    if (typeof value !== 'number' || !(value >= 0 && value < Infinity)) return
    const samples = found.get(name) ?? []
    found.set(name, samples)
    samples.push({ suffix, labels, value })
  }
  const exporters = at(status, 'exporters')
  for (const id of keysOf(exporters)) addExporter(add, id, at(exporters, id))
  addConfig(add, at(status, 'config'))
  addBus(add, at(status, 'bus'))
  add('telemachine_metric_families', state.families.length)
  add('telemachine_metric_series', state.totals.series)
  add('telemachine_measurements_refused_total', state.refused)
  add('telemachine_measurements_limited_total', state.limited)
  add('telemachine_cluster_members', state.members)
  add('telemachine_cluster_members_late', state.late)
  for (const one of overflowsOf(state)) add('telemachine_metric_overflow', 1, Object.entries(one))
  return names.flatMap((name) => {
    const samples = found.get(name)
    return samples ? [{ name, type: typeOf(name), help: described[name], samples }] : []
  })
}

type Add = (name: Name, value: unknown, labels?: Labels, suffix?: string) => void

function addExporter(add: Add, id: string, exporter: unknown): void {
  const labels: Labels = [['exporter', id]]
  const ledger = at(exporter, 'ledger')
  add('telemachine_events_accepted_total', at(ledger, 'accepted'), labels)
  add('telemachine_events_delivered_total', at(ledger, 'delivered'), labels)
  add('telemachine_events_ambiguous_total', at(ledger, 'ambiguous'), labels)
  const dropped = at(ledger, 'dropped')
  for (const reason of dropReasons) {
    add('telemachine_events_dropped_total', at(dropped, reason), [...labels, ['reason', reason]])
  }
  const pending = at(ledger, 'pending')
  for (const stage of ['buffered', 'held', 'queued', 'in_flight', 'spooled'])
    add('telemachine_events_pending', at(pending, stage), [...labels, ['stage', stage]])
  const capacity = at(at(exporter, 'config'), 'queue_size')
  add('telemachine_queue_capacity', capacity, labels)
  addState(add, 'telemachine_exporter_state', at(exporter, 'state'), exporterStates, labels)
  addState(add, 'telemachine_breaker_state', at(exporter, 'breaker'), breakerStates, labels)
  addEndpoints(add, at(exporter, 'endpoints'), labels)
  const type = at(exporter, 'type')
  const spans = type === 'otel'
  const component: Labels = [
    ['otel_component_name', id],
    ['otel_component_type', spans ? 'otlp_http_span_exporter' : typeof type === 'string' ? type : 'unknown'],
  ]
  const exports = at(exporter, 'exports')
  add('otel_sdk_exporter_operation_duration_seconds', at(exports, 'seconds'), component, '_sum')
  add('otel_sdk_exporter_operation_duration_seconds', at(exports, 'attempts'), component, '_count')
  if (!spans) return
  add('otel_sdk_processor_span_queue_size', at(pending, 'queued'), component)
  add('otel_sdk_processor_span_queue_capacity', capacity, component)
  add('otel_sdk_exporter_span_inflight', at(pending, 'in_flight'), component)
}

/** Each endpoint by its index, as the status has it. */
function addEndpoints(add: Add, endpoints: unknown, exporter: Labels): void {
  if (!Array.isArray(endpoints)) return
  for (const [index, endpoint] of endpoints.entries()) {
    const labels: Labels = [...exporter, ['endpoint', String(index)]]
    addState(add, 'telemachine_endpoint_breaker_state', at(endpoint, 'breaker'), breakerStates, labels)
    add('telemachine_endpoint_serves', at(endpoint, 'serves') === true ? 1 : 0, labels)
  }
}

function addState(add: Add, name: Name, state: unknown, known: readonly string[], labels: Labels): void {
  if (typeof state !== 'string') return
  for (const one of known.includes(state) ? known : [...known, state]) {
    add(name, one === state ? 1 : 0, [...labels, ['state', one]])
  }
}

/** `accepted` and `rejected` are the last change of each kind, with its time `at` in milliseconds. */
function addConfig(add: Add, config: unknown): void {
  add('telemachine_config_version', at(config, 'version'))
  if (config === undefined) return
  const accepted = timeOf(at(config, 'accepted'))
  const rejected = timeOf(at(config, 'rejected'))
  const successful = rejected === undefined || (accepted !== undefined && accepted > rejected)
  add('telemachine_config_last_reload_successful', successful ? 1 : 0)
  if (accepted !== undefined) {
    add('telemachine_config_last_reload_success_timestamp_seconds', accepted / 1000)
  }
}

function timeOf(change: unknown): number | undefined {
  const time = at(change, 'at')
  return typeof time === 'number' ? time : undefined
}

function addBus(add: Add, bus: unknown): void {
  add('telemachine_bus_emitted_total', at(bus, 'emitted'))
  const dropped = at(bus, 'dropped')
  for (const reason of keysOf(dropped)) {
    add('telemachine_bus_dropped_total', at(dropped, reason), [['reason', reason]])
  }
  add('telemachine_handler_failures_total', at(bus, 'handlerFailures'))
}

/** An own property of whatever `value` is. */
function at(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return (value as Record<string, unknown>)[key]
}

const keysOf = (value: unknown): string[] =>
  typeof value === 'object' && value !== null ? Object.keys(value) : []
