import {
  type ActorRef,
  assign,
  enqueueActions,
  fromPromise,
  raise,
  type Snapshot,
  sendTo,
  setup,
} from 'xstate'
import type {
  BreakerEvent,
  ChangeEffect,
  ExporterEvent,
  ExportResult,
  Permit,
  SystemReport,
} from './events.ts'
import type { UnitPort, WaveReport } from './ports.ts'

export interface ExporterInput {
  readonly unit: UnitPort
  readonly breaker: ActorRef<Snapshot<unknown>, BreakerEvent>
  readonly system: ActorRef<Snapshot<unknown>, SystemReport>
}

export interface ExporterContext extends ExporterInput {
  /** The permit held while exporting. */
  readonly permit: Permit | null
  /** The transaction being prepared. */
  readonly version: number
  readonly effect: ChangeEffect
  /** What follows once the clients are closed. */
  readonly afterClose: 'disabled' | 'stopped' | 'active' | 'preparing'
}

export const effectOf = (event: ExporterEvent): ChangeEffect =>
  event.type === 'config.prepare' ? event.effect : 'none'

const reasonOf = (event: unknown): string => {
  const { error } = event as { error?: unknown }
  return error instanceof Error ? error.message : String(error)
}

/** The exporter's vocabulary: its types, and the guards, actions, delays and placeholder actors its chart names. */
export const exporterSetup = setup({
  types: {
    context: {} as ExporterContext,
    events: {} as ExporterEvent,
    input: {} as ExporterInput,
  },
  actors: {
    /** Opens a client with the configuration in force. */
    open: fromPromise<void, { unit: UnitPort }>(() => Promise.resolve()),
    /** Opens a candidate with the staged configuration: beside the client, or instead of it (`replace`). */
    prepare: fromPromise<void, { unit: UnitPort; effect: ChangeEffect }>(() => Promise.resolve()),
    /** Exports up to max_in_flight batches, or one as a probe; settles each in the ledger. */
    exportWave: fromPromise<WaveReport, { unit: UnitPort; probe: boolean }>(() =>
      Promise.resolve({ results: [] }),
    ),
    /** Waits for what an old client has in flight, until its deadline, then closes it. */
    retire: fromPromise<void, { unit: UnitPort }>(() => Promise.resolve()),
    /** One attempt for everything that is left. */
    drain: fromPromise<WaveReport, { unit: UnitPort; probe: boolean }>(() =>
      Promise.resolve({ results: [] }),
    ),
    /** Closes every client. */
    close: fromPromise<void, { unit: UnitPort }>(() => Promise.resolve()),
  },
  delays: {
    untilDue: ({ context }) => context.unit.msUntilDue(),
    untilRetry: ({ context }) => context.unit.msUntilRetry(),
    untilReopen: ({ context }) => context.unit.msUntilReopen(),
    drainDeadline: ({ context }) => context.unit.msToDrain(),
    tick: 1_000,
  },
  guards: {
    opensClient: ({ event }) => effectOf(event) === 'open' || effectOf(event) === 'replace',
    hasClient: ({ context }) => context.unit.hasClient(),
    hasRetiring: ({ context }) => context.unit.hasRetiring(),
    canDeliver: ({ context }) => context.unit.hasWork() && context.unit.hasClient(),
    cannotDeliver: ({ context }) => !context.unit.hasWork() || !context.unit.hasClient(),
    disables: ({ context }) => context.effect === 'disable',
    opensAfterDrain: ({ context, event }) =>
      effectOf(event) === 'open' && (context.afterClose === 'disabled' || context.afterClose === 'preparing'),
    isDue: ({ context }) => context.unit.batchDue(),
    mustCool: ({ context }) => context.unit.mustCool(),
    thenStop: ({ context }) => context.afterClose === 'stopped',
    thenActive: ({ context }) => context.afterClose === 'active',
    thenPrepare: ({ context }) => context.afterClose === 'preparing',
  },
  actions: {
    ingest: ({ context, event }) => {
      if (event.type === 'telemetry.batch') context.unit.ingest(event.events)
    },
    subscribe: ({ context }) => context.unit.subscribe(),
    unsubscribe: ({ context }) => context.unit.unsubscribe(),
    swap: ({ context }) => context.unit.swap(),
    discard: ({ context }) => context.unit.discard(),
    commit: ({ context }) => context.unit.commit(),
    forgetStaged: ({ context }) => context.unit.abort(),
    requestFlush: ({ context }) => context.unit.requestFlush(),
    tick: ({ context }) => context.unit.tick(),
    cut: ({ context }) => context.unit.cut(),
    abandonDisabled: ({ context }) => context.unit.abandon('disabled'),
    abandonShutdown: ({ context }) => context.unit.abandon('shutdown'),
    noteError: ({ context, event }) => context.unit.noteError((event as { error?: unknown }).error),

    configureBreaker: sendTo(
      ({ context }) => context.breaker,
      ({ context }) => ({ type: 'breaker.configure' as const, settings: context.unit.breakerSettings() }),
    ),
    renewBreaker: sendTo(({ context }) => context.breaker, { type: 'breaker.renew' }),
    requestPermit: sendTo(
      ({ context }) => context.breaker,
      ({ self }, { urgent }: { urgent: boolean }) => ({
        type: 'permit.request' as const,
        replyTo: self,
        urgent,
      }),
    ),
    keepPermit: assign({
      permit: ({ context, event }) => (event.type === 'permit.granted' ? event.permit : context.permit),
    }),
    report: enqueueActions(({ context, enqueue }, { results }: { results: readonly ExportResult[] }) => {
      if (context.permit === null) return
      enqueue.sendTo(context.breaker, {
        type: 'export.reported',
        generation: context.permit.generation,
        results,
      })
      enqueue.assign({ permit: null })
    }),
    /** Leaves no request waiting and no probe taken. */
    releasePermit: enqueueActions(({ context, enqueue }) => {
      enqueue.sendTo(context.breaker, { type: 'permit.cancel' })
      enqueue.assign({ permit: null })
    }),
    returnPermit: sendTo(({ context }) => context.breaker, { type: 'permit.cancel' }),

    noteChange: assign({
      version: ({ context, event }) => (event.type === 'config.prepare' ? event.version : context.version),
      effect: ({ event }) => effectOf(event),
    }),
    answerPrepared: sendTo(
      ({ context }) => context.system,
      ({ context }) => ({
        type: 'config.prepared' as const,
        id: context.unit.id,
        version: context.version,
      }),
    ),
    answerRefused: sendTo(
      ({ context }) => context.system,
      ({ context, event }) => ({
        type: 'config.refused' as const,
        id: context.unit.id,
        version: context.version,
        reason: reasonOf(event),
      }),
    ),
    acknowledge: sendTo(
      ({ context }) => context.system,
      ({ context }) => ({
        type: 'config.acknowledged' as const,
        id: context.unit.id,
        version: context.version,
      }),
    ),
    announceCommit: raise({ type: 'settings.changed' }),
    announceSwap: raise({ type: 'client.swapped' }),
    announceStopped: sendTo(
      ({ context }) => context.system,
      ({ context }) => ({ type: 'exporter.stopped' as const, id: context.unit.id }),
    ),
    thenDisabled: assign({ afterClose: 'disabled' }),
    thenStopped: assign({ afterClose: 'stopped' }),
    thenActive: assign({ afterClose: 'active' }),
    thenPreparing: assign({ afterClose: 'preparing' }),
  },
})
