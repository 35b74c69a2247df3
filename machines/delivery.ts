import { type ActorRef, assign, enqueueActions, fromPromise, type Snapshot, sendTo, setup } from 'xstate'
import type { BreakerEvent, DeliveryEvent, DrainWaiter, Permit } from './events.ts'
import type { UnitPort, WaveReport, WaveScope } from './ports.ts'

/** The input of the delivery machine. */
export interface DeliveryInput {
  readonly unit: UnitPort
  readonly breaker: ActorRef<Snapshot<unknown>, BreakerEvent>
}

/** The context of `deliveryMachine`. */
export interface DeliveryContext extends DeliveryInput {
  /** The permit held while exporting, and kept for the next wave as long as all goes well. */
  readonly permit: Permit | null
  /** The breaker has counted a failure of this exporter, so the next success must be reported. */
  readonly failing: boolean
  /** How long to gather, or to wait after a failure. */
  readonly waitMs: number
  /** Who is told when the drain is over, and how long it may take. */
  readonly drain: { readonly replyTo: DrainWaiter; readonly withinMs: number } | null
}

const scopeOf = ({ permit, failing }: DeliveryContext): WaveScope => {
  if (permit?.probe ?? true) return 'probe'
  // The breaker waits for the result.
  return failing ? 'once' : 'series'
}

const isUrgent = (event: DeliveryEvent): boolean =>
  event.type === 'exporter.flush' || (event.type === 'telemetry.batch' && event.urgent)

/** What fails as a whole, for no fault of the backend, is tried again after this. */
const failedWaitMs = 1_000

/**
 * When a batch of one exporter goes: gather until one is due, ask the breaker, export, wait out a failure.
 * It steps per batch, never per telemetry event nor per turn of the event loop: the unit holds the telemetry and
 * says once when something waits, and once when a batch is due.
 */
export const deliveryMachine = setup({
  types: {
    context: {} as DeliveryContext,
    events: {} as DeliveryEvent,
    input: {} as DeliveryInput,
  },
  actors: {
    /** Exports what is due, up to max_in_flight batches at once, and settles each in the ledger. */
    exportWave: fromPromise<WaveReport, { unit: UnitPort; scope: WaveScope }>(() => new Promise(() => {})),
    /** One attempt for everything that is left. */
    drain: fromPromise<WaveReport, { unit: UnitPort; probe: boolean; withinMs: number }>(
      () => new Promise(() => {}),
    ),
  },
  delays: {
    wait: ({ context }) => context.waitMs,
  },
  guards: {
    hasPermit: ({ context }) => context.permit !== null,
    /** Nothing that the breaker does not know: the permit serves the next wave as well. */
    isRoutine: ({ context }, { report }: { report: WaveReport }) =>
      context.permit?.probe === false &&
      !context.failing &&
      report.results.length > 0 &&
      report.results.every((result) => result === 'success' || result === 'neutral'),
    isOwnBackoff: ({ event }) => event.type === 'work.deferred' && event.by === 'backoff',
  },
  actions: {
    listen: ({ context, self }) => context.unit.listen((event) => self.send(event)),
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
      ({ self, event }) => ({
        type: 'permit.request' as const,
        replyTo: self,
        purpose: isUrgent(event) ? ('urgent' as const) : ('delivery' as const),
      }),
    ),
    requestLastPermit: sendTo(
      ({ context }) => context.breaker,
      ({ self }) => ({ type: 'permit.request' as const, replyTo: self, purpose: 'urgent' as const }),
    ),
    requestProbe: sendTo(
      ({ context }) => context.breaker,
      ({ self }) => ({ type: 'permit.request' as const, replyTo: self, purpose: 'probe' as const }),
    ),
    withdrawRequest: sendTo(({ context }) => context.breaker, { type: 'permit.withdraw' }),
    keepPermit: assign({
      permit: ({ context, event }) => (event.type === 'permit.granted' ? event.permit : context.permit),
    }),
    report: enqueueActions(({ context, enqueue }, { report }: { report: WaveReport }) => {
      if (context.permit === null) return
      enqueue.sendTo(context.breaker, {
        type: 'export.reported',
        generation: context.permit.generation,
        results: report.results,
        at: report.at,
        jitter: report.jitter,
      })
      const { results } = report
      const answered = results.some((result) => result === 'success' || result === 'neutral')
      enqueue.assign({ permit: null, failing: results.includes('failure') || (context.failing && !answered) })
    }),
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
    }),
    answerDrained: enqueueActions(({ context, enqueue }) => {
      if (context.drain) enqueue.sendTo(context.drain.replyTo, { type: 'delivery.drained' })
      enqueue.assign({ drain: null })
    }),
  },
}).createMachine({
  id: 'delivery',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({ ...input, permit: null, failing: false, waitMs: 0, drain: null }),
  entry: 'listen',
  initial: 'halted',
  on: {
    'delivery.start': '.working',
    'delivery.halt': '.halted',
    'delivery.drain': { target: '.draining', actions: 'noteDrain' },
    'exporter.flush': { actions: 'requestFlush' },
    'permit.granted': { actions: 'returnPermit' },
    'permit.revoked': { actions: 'dropPermit' },
  },
  states: {
    halted: {},
    working: {
      exit: 'releasePermit',
      initial: 'idle',
      states: {
        idle: {
          entry: 'look',
          on: {
            'work.arrived': { target: 'gathering', actions: 'noteWait' },
            'telemetry.batch': [{ guard: 'hasPermit', target: 'exporting' }, { target: 'asking' }],
            'work.deferred': [
              { guard: 'isOwnBackoff', target: 'backing_off', actions: 'noteWait' },
              { target: 'deferred', actions: 'noteWait' },
            ],
            'exporter.flush': { target: 'idle', reenter: true, actions: 'requestFlush' },
          },
        },
        gathering: {
          after: { wait: 'idle' },
          on: {
            'work.arrived': { target: 'gathering', reenter: true, actions: 'noteWait' },
            'telemetry.batch': [{ guard: 'hasPermit', target: 'exporting' }, { target: 'asking' }],
            'exporter.flush': { target: 'idle', actions: 'requestFlush' },
          },
        },
        asking: {
          entry: 'requestPermit',
          on: {
            'permit.granted': { target: 'exporting', actions: 'keepPermit' },
            'permit.denied': { target: 'asking', reenter: true, actions: 'failFlush' },
            'exporter.flush': { target: 'asking', reenter: true, actions: 'requestFlush' },
          },
        },
        exporting: {
          exit: 'endWave',
          on: { 'permit.revoked': { actions: ['dropPermit', 'endWave'] } },
          invoke: {
            src: 'exportWave',
            input: ({ context }) => ({ unit: context.unit, scope: scopeOf(context) }),
            onDone: [
              {
                guard: { type: 'isRoutine', params: ({ event }) => ({ report: event.output }) },
                target: 'idle',
              },
              {
                target: 'idle',
                actions: { type: 'report', params: ({ event }) => ({ report: event.output }) },
              },
            ],
            onError: { target: 'deferred', actions: ['noteError', 'releasePermit', 'noteWait'] },
          },
        },
        /** Our own backoff delays no probe: an open breaker has waited in its stead. */
        backing_off: {
          entry: 'requestProbe',
          exit: 'withdrawRequest',
          after: { wait: 'idle' },
          on: {
            'permit.granted': { target: 'exporting', actions: 'keepPermit' },
            'exporter.flush': { target: 'idle', actions: 'requestFlush' },
          },
        },
        /** The backend named a time. Only a new destination or a drain ends it earlier. */
        deferred: {
          after: { wait: 'idle' },
        },
      },
    },
    draining: {
      exit: ['releasePermit', 'answerDrained'],
      initial: 'asking',
      on: {
        /** It goes on; the exporter that asks keeps its own deadline. */
        'delivery.drain': { actions: 'noteDrain' },
      },
      onDone: 'halted',
      states: {
        asking: {
          entry: 'requestLastPermit',
          on: {
            'permit.granted': { target: 'exporting', actions: 'keepPermit' },
            'permit.denied': 'drained',
          },
        },
        exporting: {
          exit: 'endWave',
          on: { 'permit.revoked': { actions: ['dropPermit', 'endWave'] } },
          invoke: {
            src: 'drain',
            input: ({ context }) => ({
              unit: context.unit,
              probe: context.permit?.probe ?? true,
              withinMs: context.drain?.withinMs ?? 0,
            }),
            onDone: [
              {
                guard: 'hasPermit',
                target: 'drained',
                actions: { type: 'report', params: ({ event }) => ({ report: event.output }) },
              },
              { target: 'asking' },
            ],
            onError: { target: 'drained', actions: 'noteError' },
          },
        },
        drained: { type: 'final' },
      },
    },
  },
})
