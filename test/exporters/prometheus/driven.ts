import type { TelemetryEvent } from '../../../src/bus/event.ts'
import { EventRecord } from '../../../src/bus/snapshot.ts'
import { createSystemClock } from '../../../src/clock.ts'
import type { DropReason } from '../../../src/exporters/drop-reasons.ts'
import type { Config, ExporterDefinition, OpenContext, Sink } from '../../../src/exporters/exporter.ts'
import type { State } from '../../../src/exporters/prometheus/aggregate/state.ts'
import type { PrometheusClient } from '../../../src/exporters/prometheus/client.ts'
import { type PrometheusOptions, prometheus } from '../../../src/exporters/prometheus/index.ts'
import { parsePage } from './strict-page.ts'

/** Plays the parts of the system around the driver, by the contract: sink, ledger, context. */
export function drivePrometheus(options: PrometheusOptions = {}, settings: Config = {}) {
  const definition = prometheus(options) as unknown as ExporterDefinition<PrometheusClient, State, never>
  const defaults = Object.fromEntries(
    Object.entries(definition.schema).map(([key, { default: value }]) => [key, value]),
  )
  const warnings: string[] = []
  const note = (details: object, message = ''): void =>
    void warnings.push(`${message} ${JSON.stringify(details)}`)
  const logger = { debug: () => {}, info: () => {}, warn: note, error: note }
  const clock = createSystemClock()
  const identity = { id: 'prometheus', clock, logger }
  const state = definition.state!(identity)
  const ledger = { accepted: 0, delivered: 0, dropped: {} as Partial<Record<DropReason, number>> }
  const clients = new Set<PrometheusClient>()
  let config: Config = { ...defaults, port: 0, ...settings }
  let waiting: TelemetryEvent[] = []

  let drops = 0
  const sink: Sink<State, never> = {
    state,
    get config() {
      return config
    },
    get now() {
      return clock.now()
    },
    get monotonic() {
      return clock.monotonic()
    },
    item: () => {
      throw new Error('a pull exporter has no items')
    },
    hold: () => {
      throw new Error('a pull exporter holds nothing')
    },
    drop: (reason, weight = 1) => {
      drops += weight
      ledger.dropped[reason] = (ledger.dropped[reason] ?? 0) + weight
    },
  }
  const ingest = (event: TelemetryEvent): void => {
    drops = 0
    definition.ingest!(event, sink)
    if (drops > 1) throw new Error('one event was dropped twice')
    ledger.accepted++
    if (drops === 0) ledger.delivered++
  }

  const record = (name: string, measurements: object, metadata: object): TelemetryEvent => {
    const fields = [...Object.entries(measurements), ...Object.entries(metadata)].flat()
    return new EventRecord(
      name,
      clock.now(),
      fields,
      Object.keys(measurements).length * 2,
      undefined,
      'caller',
    )
  }

  const context = (overrides: Partial<OpenContext<State>>): OpenContext<State> => ({
    ...identity,
    ...{ state, signal: new AbortController().signal, current: () => config },
    catchUp: () => {
      const events = waiting
      waiting = []
      for (const event of events) ingest(event)
    },
    status: () => ({
      exporters: {
        prometheus: { type: 'prometheus', state: 'serving', breaker: 'disabled', ledger, config },
      },
      config: { version: 3, rejected: 1 },
    }),
    ...overrides,
  })

  const describe = (client?: PrometheusClient): Record<string, unknown> => ({
    ...definition.describe!(client, state),
  })

  return {
    ...{ definition, state, ledger, warnings, clock, describe },
    emit: (name: string, measurements: object = {}, metadata: object = {}) =>
      ingest(record(name, measurements, metadata)),
    /** Emits without handing over: only `catchUp` brings it in. */
    emitLater: (name: string, measurements: object = {}, metadata: object = {}) =>
      void waiting.push(record(name, measurements, metadata)),
    put: (change: Config) => {
      config = { ...config, ...change }
    },
    open: async (overrides: Partial<OpenContext<State>> = {}): Promise<PrometheusClient> => {
      const client = await definition.open(config, context(overrides))
      clients.add(client)
      return client
    },
    close: async (client: PrometheusClient, withinMs = 5000): Promise<void> => {
      clients.delete(client)
      await definition.close(client, { deadline: clock.now() + withinMs })
    },
    closeAll: async (): Promise<void> => {
      for (const client of clients) await definition.close(client, { deadline: clock.now() })
      clients.clear()
    },
    url: (client: PrometheusClient): string => String(describe(client).url),
    /** Opens, scrapes once over HTTP, parses strictly, closes. */
    page: async (format: 'text' | 'openmetrics' = 'text') => {
      const text = await scrapeOnce(format)
      return { text, ...parsePage(text, format) }
    },
  }

  async function scrapeOnce(format: 'text' | 'openmetrics'): Promise<string> {
    const client = await definition.open(config, context({}))
    try {
      const accept = format === 'text' ? 'text/plain' : 'application/openmetrics-text; version=1.0.0'
      const response = await fetch(String(describe(client).url), { headers: { accept, connection: 'close' } })
      if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
      return await response.text()
    } finally {
      await definition.close(client, { deadline: clock.now() })
    }
  }
}

export type DrivenPrometheus = ReturnType<typeof drivePrometheus>
