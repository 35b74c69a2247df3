import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AnyActorRef } from 'xstate'
import { type Clock, createSystemClock } from '../../src/clock.ts'
import {
  type ConfigSource,
  createTelemetry,
  datadog,
  mock,
  otel,
  prometheus,
  type Telemetry,
} from '../../src/index.ts'
import { createCertificate } from '../../src/testing/backend/certificate.ts'
import { freePort } from '../support/ports.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { createMockBackend, type MockBackend } from './mock-backend.ts'
import { datadogIntake, otlp } from './protocols.ts'
import type { Random } from './random.ts'
import { createReceiver, type Receiver } from './receiver.ts'
import { createWatch } from './vigil.ts'

/** Everything that one schedule is about. */
export interface World {
  readonly random: Random
  readonly telemetry: Telemetry
  /** By the exporter that alone sends to them. */
  readonly receivers: Readonly<Record<string, readonly Receiver[]>>
  readonly mock: MockBackend
  readonly watch: ReturnType<typeof createWatch>
  /** URLs where no exporter gets anything delivered. */
  readonly nowhere: readonly string[]
  readonly file: string
  /** Hands a document to the remote source. */
  publish(document: unknown): void
  /** Kills the chart of an exporter: `exporter`, `delivery` or `breaker`. */
  crash(kind: 'exporter' | 'delivery' | 'breaker', id: string): void
  /** Timers of ours that have neither fired nor been cleared. */
  timers(): number
  readonly counts: { events: number; faults: Map<string, number>; operations: number; correlation: number }
  close(): Promise<void>
}

export const fileOf = (batchSize: number): string =>
  `[telemetry.otel_a]\nbatch_size = ${batchSize}\n[telemetry.mock]\nbatch_size = ${batchSize}\nmax_in_flight = 2\n`

const common = {
  flush_interval: 0.02,
  timeout: 0.3,
  open_timeout: 1,
  drain_timeout: 0.5,
  reset_timeout: 0.4,
  initial_reset_timeout: 0.05,
  failure_threshold: 4,
  retry_attempts: 2,
  queue_size: 3_000,
  queue_bytes: 4 * 1024 * 1024,
}

/** The system's clock, with its timers counted. */
function countingClock(): { clock: Clock; timers: () => number } {
  const inner = createSystemClock()
  const open = new Set<unknown>()
  return {
    timers: () => open.size,
    clock: {
      now: inner.now,
      monotonic: inner.monotonic,
      epochOf: inner.epochOf,
      setTimeout(fn, ms) {
        const timer = inner.setTimeout((...args) => {
          open.delete(timer)
          fn(...args)
        }, ms)
        open.add(timer)
        return timer
      },
      clearTimeout(timer) {
        open.delete(timer)
        inner.clearTimeout(timer)
      },
    },
  }
}

const die = (): never => {
  throw new Error('the actor crashed')
}
/** Events that kill whatever chart looks into them, which each does in every state. */
const fatal = {
  exporter: () =>
    Object.defineProperties({ type: 'config.prepare' }, { effect: { get: die }, version: { get: die } }),
  delivery: () => Object.defineProperty({ type: 'delivery.drain' }, 'replyTo', { get: die }),
  breaker: () => Object.defineProperty({ type: 'breaker.configure' }, 'settings', { get: die }),
} as const

export async function createWorld(random: Random): Promise<World> {
  const counts: World['counts'] = { events: 0, faults: new Map(), operations: 0, correlation: 0 }
  const onFault = (name: string): void => void counts.faults.set(name, (counts.faults.get(name) ?? 0) + 1)
  const receiver = (protocol = otlp, tls?: { key: string; cert: string }) =>
    createReceiver({ protocol, random: random.fork(), onFault, ...(tls && { tls }) })
  const trusted = createCertificate()
  const receivers = {
    otel_a: [await receiver(), await receiver()],
    otel_tls: [await receiver(otlp, trusted), await receiver(otlp, { ...trusted })],
    otel_package: [await receiver(), await receiver()],
    otel_x: [await receiver()],
    datadog: [await receiver(datadogIntake)],
  }
  const untrusted = await receiver(otlp, createCertificate())
  const directory = mkdtempSync(join(tmpdir(), 'telemachine-chaos-'))
  const file = join(directory, 'telemetry.toml')
  const certificate = join(directory, 'ca.pem')
  writeFileSync(file, fileOf(20))
  writeFileSync(certificate, trusted.cert)

  let publish: (document: unknown) => void = () => {}
  const remote: ConfigSource = {
    name: 'remote',
    load: async () => ({}),
    watch: (onChange) => {
      publish = (document) => onChange(document as Record<string, unknown>)
      return () => {}
    },
  }
  const actors = new Map<string, AnyActorRef>()
  const mockBackend = createMockBackend(random.fork(), onFault)
  const { clock, timers } = countingClock()
  /** Half of the schedules keep on disk what waits, of half of the exporters. */
  const hasSpools = random.chance(0.5)
  const spoolAt = (id: string) => {
    if (!hasSpools || random.chance(0.4)) return {}
    const mode = random.pick(['overflow', 'always'] as const)
    return { spool: { directory: join(directory, id), mode, fsync: 'interval' as const } }
  }
  const spans = { ...common, event_patterns: ['job.*'] }
  const telemetry = createTelemetry({
    types: [
      otel(),
      datadog(),
      prometheus(),
      mock({ limit: 10, export: mockBackend.export, open: mockBackend.open }),
    ],
    clock,
    logger: quietLogger,
    drainOnExit: false,
    inspect: (event) => {
      if (event.type === '@xstate.actor')
        actors.set((event.actorRef as AnyActorRef).id, event.actorRef as AnyActorRef)
    },
    config: {
      file,
      env: {},
      remote: [remote],
      init: {
        otel_a: { ...spans, ...spoolAt('otel_a'), type: 'otel', endpoint: receivers.otel_a[0]!.url },
        otel_tls: {
          ...spans,
          type: 'otel',
          endpoint: receivers.otel_tls[0]!.url,
          certificate,
          compression: 'gzip',
        },
        otel_package: { ...spans, type: 'otel', client: 'package', endpoint: receivers.otel_package[0]!.url },
        datadog: {
          ...common,
          ...spoolAt('datadog'),
          event_patterns: ['dd.*'],
          aggregation_interval: 1,
          api_key: 'key',
          api_url: receivers.datadog[0]!.url,
        },
        prometheus: { event_patterns: ['dd.*'], port: 0, drain_timeout: 0.5, open_timeout: 1 },
        mock: { ...common, ...spoolAt('mock'), event_patterns: ['job.*', 'm.*'] },
      },
    },
  })
  const all = [...Object.values(receivers).flat(), untrusted]

  return {
    random,
    telemetry,
    receivers,
    mock: mockBackend,
    watch: createWatch(),
    nowhere: [
      `http://127.0.0.1:${await freePort()}/v1/traces`,
      untrusted.url,
      'http://nowhere.invalid/v1/traces',
    ],
    file,
    publish: (document) => publish(document),
    crash: (kind, id) => actors.get(`${kind}:${id}`)?.send(fatal[kind]() as never),
    timers,
    counts,
    async close() {
      for (const one of all) await one.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
