import assert from 'node:assert/strict'
import type { StopReport, Telemetry } from '../../contract.ts'
import type { LedgerStatus } from '../../delivery/ledger.ts'
import type { AnyExporterDefinition } from '../../exporters/exporter.ts'
import type { ExporterStatus } from '../../status.ts'
import { assembleTelemetry } from '../../telemetry.ts'
import { mortalSystem } from '../mortal.ts'
import { createPatience } from '../patience.ts'
import type { ConformanceOptions } from './contract.ts'

/** The exporter's id in every path. */
const id = 'subject'

/** Quick to act, and patient with a backend on a busy machine. Keys the exporter lacks are left out. */
const quick: Readonly<Record<string, unknown>> = {
  open_timeout: 10,
  drain_timeout: 10,
  flush_interval: 0.02,
  timeout: 10,
  failure_threshold: 2,
  initial_reset_timeout: 0.1,
  reset_timeout: 0.1,
}

const pullKeys: ReadonlySet<string> = new Set(['open_timeout', 'drain_timeout'])

const silent = (): void => {}
const logger = { debug: silent, info: silent, warn: silent, error: silent }

const sum = (counts: Readonly<Record<string, number | undefined>>): number =>
  Object.values(counts).reduce<number>((total, count) => total + (count ?? 0), 0)

/** One exporter of the definition under test, in a telemetry system of its own. */
export interface Subject {
  readonly telemetry: Telemetry
  status(): ExporterStatus
  /** Starts it, as an application would. */
  begin(): Promise<void>
  /** Resolves when it serves. */
  start(): Promise<void>
  /** Does something, then holds the ledger against its identity. */
  step(what: string, act?: () => unknown): Promise<void>
  /** Emits so many groups of deliverable events; returns the number of events. */
  emit(groups: number): number
  /** Fails after `patienceMs`, or after so many milliseconds. */
  until(holds: () => boolean, what: string, withinMs?: number): Promise<void>
  put(changes: Readonly<Record<string, unknown>>): Promise<unknown>
  /** The exporter's actor dies. */
  crash(): void
  /** Clients opened and not closed. */
  readonly clients: number
  /** Everything emitted so far is delivered, and the backend agrees. */
  delivered(expected: number): Promise<void>
  /** Stops; whatever was, the report adds up and every client is closed. */
  finish(timeoutMs?: number): Promise<StopReport>
}

/** @param settings of one path; they give way to the user's `config`. */
export function createSubject(
  definition: AnyExporterDefinition,
  options: ConformanceOptions,
  settings: Readonly<Record<string, unknown>>,
): Subject {
  const { events, received } = options
  const pulled = definition.export === undefined
  const names = new Set([0, 1, 2].flatMap((n) => events(n).map(({ name }) => name)))
  const defaults = Object.entries({ ...quick, ...settings }).filter(([key]) => !pulled || pullKeys.has(key))
  let clients = 0
  let most = 0
  let groups = 0
  let facts: Readonly<Record<string, unknown>> = {}
  /** What the backend had received when the subject was made. */
  let before = 0

  const counted: AnyExporterDefinition = {
    ...definition,
    async open(config, context) {
      const client = await definition.open(config, context)
      clients += 1
      most = Math.max(most, clients)
      return client
    },
    async close(client, context) {
      clients -= 1
      await definition.close(client, context)
    },
  }

  const { machine, crash } = mortalSystem()

  const telemetry = assembleTelemetry(
    {
      types: [counted],
      config: {
        env: {},
        init: {
          [id]: {
            type: definition.type,
            event_patterns: [...names, 'hostile*'],
            ...Object.fromEntries(defaults),
            ...(typeof options.config === 'function' ? options.config() : options.config),
          },
        },
      },
      logger,
      drainOnExit: false,
    },
    machine,
  )

  const patience = (): number => options.patienceMs ?? 10_000

  const status = (): ExporterStatus => {
    const found = telemetry.status().exporters[id]
    assert.ok(found, 'the exporter is there')
    if (found.state === 'serving') facts = found.client
    return found
  }

  const exact = (ledger: LedgerStatus, when: string): void => {
    const { accepted, delivered, dropped, pending, ambiguous } = ledger
    for (const [name, count] of Object.entries({ accepted, delivered, ambiguous, ...dropped, ...pending }))
      assert.ok(Number.isSafeInteger(count) && count >= 0, `${when}: ${name} is ${count}`)
    assert.equal(
      delivered + sum(dropped) + sum(pending),
      accepted,
      `${when}, the ledger does not add up: ${JSON.stringify(ledger)}`,
    )
    assert.ok(most <= 3, `${when}, ${most} clients were open at once`)
  }

  const until = async (holds: () => boolean, what: string, withinMs = patience()): Promise<void> => {
    const isOver = createPatience(withinMs)
    while (!holds()) {
      if (isOver())
        assert.fail(`not within ${withinMs} ms: ${what}; ${JSON.stringify(telemetry.status().exporters[id])}`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  const measure = async (): Promise<void> => {
    before = (await received?.(facts)) ?? 0
  }

  const begin = async (): Promise<void> => {
    if (!pulled) await measure()
    await telemetry.start()
  }

  /** Checks that the backend's count lies between `delivered` and `delivered` plus `ambiguous`. */
  const agrees = async (): Promise<void> => {
    if (!received) return
    const { delivered, ambiguous } = status().ledger
    const got = (await received(facts)) - before
    assert.ok(
      got >= delivered && got <= delivered + ambiguous,
      `the backend received ${got}; delivered ${delivered}, ambiguous ${ambiguous}`,
    )
  }

  return {
    telemetry,
    status,
    begin,
    async start() {
      await begin()
      await until(() => status().state === 'serving', 'it serves')
      // Who is pulled can be asked only while it serves.
      if (pulled) await measure()
      exact(status().ledger, 'start')
    },
    async step(what, act) {
      await act?.()
      exact(status().ledger, what)
    },
    emit(count) {
      let emitted = 0
      for (const last = groups + count; groups < last; groups += 1)
        for (const { name, measurements, metadata } of events(groups)) {
          telemetry.emit(name, measurements as Record<string, number>, metadata as Record<string, unknown>)
          emitted += 1
        }
      return emitted
    },
    until,
    put: (changes) =>
      telemetry.config.put(
        Object.fromEntries(Object.entries(changes).map(([key, value]) => [`${id}.${key}`, value])),
      ),
    crash: () => crash(id, 'the conformance suite lets the exporter crash'),
    get clients() {
      return clients
    },
    async delivered(expected) {
      const { complete } = await telemetry.flush({ timeoutMs: patience() })
      assert.ok(complete, 'the flush is complete')
      const { ledger } = status()
      exact(ledger, 'after a flush')
      assert.deepEqual(ledger.dropped, {}, 'nothing is dropped')
      assert.equal(ledger.accepted, expected, 'every event is accepted')
      assert.equal(ledger.delivered, expected, 'every event is delivered')
      await agrees()
    },
    async finish(timeoutMs = patience()) {
      const report = await telemetry.stop({ timeoutMs })
      const ledger = report.exporters[id]
      assert.ok(ledger, 'the report has the exporter')
      exact(ledger, 'after the stop')
      assert.equal(sum(ledger.pending), 0, `nothing is pending after the stop: ${JSON.stringify(ledger)}`)
      assert.equal(clients, 0, 'every client is closed after the stop')
      if (!pulled) await agrees()
      return report
    },
  }
}
