import { type ActorRef, assign, enqueueActions, fromPromise, type Snapshot, sendTo, setup } from 'xstate'
import type { BreakerEvent, BreakerReply, DeliveryEvent, DrainWaiter, Permit } from './events.ts'
import type { UnitPort, WaveReport, WaveScope } from './ports.ts'

/** The input of the delivery machine. */
export interface DeliveryInput {
  readonly unit: UnitPort
  /** Grants permits: the breaker, or the failover chart before those of several endpoints. */
  readonly breaker: ActorRef<Snapshot<unknown>, BreakerEvent>
}

/** Where a wave or a drain goes. */
export interface ExportPlace {
  readonly unit: UnitPort
  readonly endpoint: number
  /** Other endpoints may be tried after it. */
  readonly others: boolean
}

/** The context of `deliveryMachine`. */
export interface DeliveryContext extends DeliveryInput {
  /** The permit held while exporting, and kept for the next wave while every attempt succeeds. */
  readonly permit: Permit | null
  /** The permit ends with the wave: the next one may go to another endpoint. */
  readonly recalled: boolean
  /** Endpoints that a drain, or the probe of a flush, has tried without success. */
  readonly tried: readonly number[]
  /** The breaker has counted a failure of this exporter, so the next success must be reported. */
  readonly failing: boolean
  /** How long to gather, or to wait after a failure. */
  readonly waitMs: number
  /** The actor that is told when the drain is over, and how long the drain may take. */
  readonly drain: { readonly replyTo: DrainWaiter; readonly withinMs: number } | null
}

export const scopeOf = ({ permit, failing }: DeliveryContext): WaveScope => {
  if (permit?.probe ?? true) return 'probe'
  // The breaker waits for the result.
  return failing ? 'once' : 'series'
}

export const placeOf = ({ unit, permit }: DeliveryContext): ExportPlace => ({
  unit,
  endpoint: permit?.endpoint ?? 0,
  others: permit?.others ?? false,
})

const hasFailed = ({ results }: WaveReport): boolean =>
  results.includes('failure') || results.includes('misdirected')

const request = (
  purpose: 'urgent' | 'delivery' | 'probe',
  replyTo: ActorRef<Snapshot<unknown>, BreakerReply>,
  tried: readonly number[] = [],
) => ({ type: 'permit.request' as const, replyTo, purpose, ...(tried.length > 0 && { except: tried }) })

const isUrgent = (event: DeliveryEvent): boolean =>
  event.type === 'exporter.flush' || (event.type === 'telemetry.batch' && event.urgent)

/** Wait before a wave is tried again that failed as a whole, in our code and not at the backend. */
const failedWaitMs = 1_000

/** The delivery chart's vocabulary: its types, and the guards, actions, delays and placeholder actors it names. */
export const deliverySetup = setup({
  types: {
    context: {} as DeliveryContext,
    events: {} as DeliveryEvent,
    input: {} as DeliveryInput,
  },
  actors: {
    /** Exports what is due, up to max_in_flight batches at once, and settles each in the ledger. */
    exportWave: fromPromise<WaveReport, ExportPlace & { scope: WaveScope }>(() => new Promise(() => {})),
    /** One attempt for everything that is left. */
    drain: fromPromise<WaveReport, ExportPlace & { probe: boolean; withinMs: number }>(
      () => new Promise(() => {}),
    ),
  },
  delays: {
    wait: ({ context }) => context.waitMs,
  },
  guards: {
    hasPermit: ({ context }) => context.permit !== null,
    /** The permit serves the next wave as well. */
    keepsPermit: ({ context }) => context.permit !== null && !context.recalled,
    /** True if the report tells the breaker nothing new: the next wave may use the same permit. */
    isRoutine: ({ context }, { report }: { report: WaveReport }) =>
      context.permit?.probe === false &&
      !context.recalled &&
      !context.failing &&
      report.results.length > 0 &&
      report.results.every((result) => result === 'success' || result === 'neutral'),
    /** Other endpoints may take what this one did not. */
    mayTryOthers: ({ context }, { report }: { report: WaveReport }) =>
      context.permit?.others === true && hasFailed(report),
    isOwnBackoff: ({ event }) => event.type === 'work.deferred' && event.by === 'backoff',
  },
  actions: {
    listen: ({ context, self }) =>
      context.unit.listen((event) => {
        // Attempts that a stop has cut short may settle after this has ended.
        if (self.getSnapshot().status === 'active') self.send(event)
      }),
    look: ({ context }) => context.unit.look(),
    requestFlush: ({ context }) => context.unit.requestFlush(),
    failFlush: ({ context }) => context.unit.failFlush(),
    endWave: ({ context }) => context.unit.endWave(),
    noteError: ({ context, event }) => context.unit.noteError((event as { error?: unknown }).error),
    noteWait: assign({
      waitMs: ({ event }) => {
        if (event.type === 'work.arrived') return event.dueInMs
        return event.type === 'work.deferred' ? event.ms : failedWaitMs
      },
    }),

    requestPermit: sendTo(
      ({ context }) => context.breaker,
      ({ context, self, event }) =>
        isUrgent(event) ? request('urgent', self, context.tried) : request('delivery', self),
    ),
    requestLastPermit: sendTo(
      ({ context }) => context.breaker,
      ({ context, self }) => ({ ...request('urgent', self, context.tried), last: true }),
    ),
    requestProbe: sendTo(
      ({ context }) => context.breaker,
      ({ self }) => request('probe', self),
    ),
    withdrawRequest: sendTo(({ context }) => context.breaker, { type: 'permit.withdraw' }),
    keepPermit: assign({
      permit: ({ context, event }) => (event.type === 'permit.granted' ? event.permit : context.permit),
      recalled: false,
    }),
    recallPermit: assign({ recalled: true }),
    serve: ({ context, event }) => {
      if (event.type === 'endpoint.changed') context.unit.serve(event.endpoint)
    },
    redirect: assign({
      breaker: ({ context, event }) => (event.type === 'delivery.redirect' ? event.breaker : context.breaker),
    }),
    report: enqueueActions(({ context, enqueue }, { report }: { report: WaveReport }) => {
      const { permit, drain, tried } = context
      if (permit === null) return
      const { generation, endpoint } = permit
      enqueue.sendTo(context.breaker, { type: 'export.reported', generation, endpoint, ...report })
      const { results } = report
      const answered = results.some((result) => result === 'success' || result === 'neutral')
      const inVain = permit.others === true && (permit.probe || drain !== null) && hasFailed(report)
      enqueue.assign({
        permit: null,
        failing: results.includes('failure') || (context.failing && !answered),
        tried: inVain ? [...tried, endpoint] : drain === null ? [] : tried,
      })
    }),
    forgetTried: assign({ tried: [] }),
    dropPermit: assign({ permit: null }),
    /** Leaves no request waiting and no probe taken. */
    releasePermit: enqueueActions(({ context, enqueue }) => {
      enqueue.sendTo(context.breaker, { type: 'permit.cancel' })
      enqueue.assign({ permit: null })
    }),
    returnPermit: sendTo(({ context }) => context.breaker, { type: 'permit.cancel' }),

    noteDrain: assign({
      drain: ({ context, event }) =>
        event.type === 'delivery.drain'
          ? { replyTo: event.replyTo, withinMs: event.withinMs }
          : context.drain,
      tried: [],
    }),
    answerDrained: enqueueActions(({ context, enqueue }) => {
      if (context.drain) enqueue.sendTo(context.drain.replyTo, { type: 'delivery.drained' })
      enqueue.assign({ drain: null })
    }),
  },
})
