import { assign, enqueueActions, fromPromise, setup } from 'xstate'
import type {
  Availability,
  BreakerRef,
  FailoverEvent,
  PermitHolder,
  PermitPurpose,
  StateEmitted,
} from './events.ts'
import type { UnitPort, WaveReport } from './ports.ts'

/** The input of the failover machine. */
export interface FailoverInput {
  readonly unit: UnitPort
  /** One for each endpoint, the preferred one first. */
  readonly breakers: readonly BreakerRef[]
}

/** A request for a permit that has not been answered yet. */
export interface OpenRequest {
  readonly replyTo: PermitHolder | undefined
  readonly purpose: PermitPurpose
  /** Endpoints that are excluded: they were tried without success, or have denied the request. */
  readonly except: readonly number[]
  readonly last: boolean
}

/** The context of `failoverMachine`. */
export interface FailoverContext {
  readonly unit: UnitPort
  readonly breakers: readonly BreakerRef[]
  /** What each breaker lets through, as last reported. */
  readonly available: readonly Availability[]
  /** The endpoint to which telemetry is sent: the first one that serves. Null while none serves. */
  readonly serving: number | null
  readonly asked: OpenRequest | undefined
  /** The endpoint whose breaker the request was passed to. */
  readonly askedAt: number | undefined
  /** Who asks for permits. */
  readonly holder: PermitHolder | undefined
  /** The endpoint of the permit that was passed on last. */
  readonly granted: number | undefined
  /** The endpoint that is probed beside the one that serves, and the generation of that permit. */
  readonly probed: number
  readonly probeGeneration: number
}

type Situation = Pick<FailoverContext, 'available' | 'serving'>

const indexOrNull = (index: number): number | null => (index < 0 ? null : index)

export const firstServing = (available: readonly Availability[]): number | null =>
  indexOrNull(available.indexOf('serves'))

/** The endpoint that is preferred to the one that serves and may be probed now. */
const probeable = ({ available, serving }: Situation): number | null =>
  serving === null ? null : indexOrNull(available.slice(0, serving).indexOf('probe_free'))

/** Which endpoint's breaker a request is passed to; otherwise it waits, or is denied. */
function placeOf(
  { available, serving }: Situation,
  { purpose, except }: OpenRequest,
): number | 'wait' | 'deny' {
  const first = (...kinds: Availability[]): number =>
    available.findIndex((one, endpoint) => kinds.includes(one) && !except.includes(endpoint))
  // It wants nothing but the probe of an open breaker.
  const serves = purpose === 'probe' ? -1 : first('serves')
  if (serves >= 0) return serves
  const probes = serving !== null && purpose !== 'urgent' ? -1 : first('probe_free')
  if (probes >= 0) return probes
  if (purpose !== 'urgent') return 'wait'
  const away = first('away')
  return away < 0 ? 'deny' : away
}

const withAvailability = (
  available: readonly Availability[],
  endpoint: number,
  now: Availability,
): readonly Availability[] => available.map((one, index) => (index === endpoint ? now : one))

const endpointOf = (event: FailoverEvent): number | undefined => {
  if (event.type === 'permit.granted') return event.permit.endpoint
  return 'endpoint' in event ? (event.endpoint ?? undefined) : undefined
}

/** The failover chart's vocabulary: its types, and the guards, actions and the placeholder actor it names. */
export const failoverSetup = setup({
  types: {
    context: {} as FailoverContext,
    events: {} as FailoverEvent,
    input: {} as FailoverInput,
    emitted: {} as StateEmitted,
  },
  actors: {
    /** Sends one batch that is due to an endpoint, beside what the serving one gets. */
    exportProbe: fromPromise<WaveReport, { unit: UnitPort; endpoint: number }>(() => new Promise(() => {})),
  },
  guards: {
    primaryServes: ({ context }) => firstServing(context.available) === 0,
    fallbackServes: ({ context }) => (firstServing(context.available) ?? 0) > 0,
    noneServes: ({ context }) => firstServing(context.available) === null,
    otherFallbackServes: ({ context }) => firstServing(context.available) !== context.serving,
    canBePlaced: ({ context }) =>
      context.asked !== undefined &&
      context.askedAt === undefined &&
      placeOf(context, context.asked) !== 'wait',

    betterMayBeProbed: ({ context }) => probeable(context) !== null,
    nothingToProbe: ({ context }) => probeable(context) === null,
    hasWork: ({ context }) =>
      context.asked !== undefined && context.askedAt === undefined && context.asked.purpose !== 'urgent',
    isNoFlush: ({ event }) => event.type === 'permit.request' && event.purpose !== 'urgent',
    probeIsOff: ({ context }) => context.available[context.probed] !== 'probe_free',
    isProbe: ({ context, event }) =>
      event.type === 'permit.granted' && event.permit.probe && event.permit.endpoint === context.probed,

    isAsked: ({ context, event }) =>
      context.asked !== undefined && context.askedAt !== undefined && context.askedAt === endpointOf(event),
    isGranted: ({ context, event }) => context.granted !== undefined && context.granted === endpointOf(event),
  },
  actions: {
    watch: enqueueActions(({ context, self, enqueue }) => {
      for (const breaker of context.breakers)
        enqueue.sendTo(breaker, { type: 'breaker.watch', watcher: self })
    }),
    takeEndpoints: assign({
      breakers: ({ context, event }) =>
        event.type === 'failover.endpoints' ? event.breakers : context.breakers,
      available: ({ context, event }) =>
        event.type === 'failover.endpoints'
          ? event.breakers.map((_, endpoint): Availability => context.available[endpoint] ?? 'serves')
          : context.available,
    }),
    noteShown: assign({
      available: ({ context, event }) =>
        event.type === 'breaker.shown'
          ? withAvailability(context.available, event.endpoint, event.availability)
          : context.available,
    }),
    /** Chooses the endpoint that serves, and tells the actors that wait for permits. */
    choose: enqueueActions(({ context, enqueue }) => {
      const serving = firstServing(context.available)
      if (serving === context.serving) return
      enqueue.assign({ serving })
      enqueue.emit({ type: 'state.shown' })
      if (context.holder) enqueue.sendTo(context.holder, { type: 'endpoint.changed', endpoint: serving })
    }),

    noteRequest: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'permit.request') return
      const before = context.askedAt === undefined ? undefined : context.breakers[context.askedAt]
      if (before) enqueue.sendTo(before, { type: 'permit.withdraw' })
      const { replyTo, purpose, except = [], last = false } = event
      // Before the first request there was no actor to tell; until then the primary counts as serving.
      if (replyTo && context.holder !== replyTo && context.serving !== 0)
        enqueue.sendTo(replyTo, { type: 'endpoint.changed', endpoint: context.serving })
      enqueue.assign({ asked: { replyTo, purpose, except, last }, askedAt: undefined, holder: replyTo })
    }),
    /** Passes the request that waits, if one does, to the breaker that is to answer it now. */
    route: enqueueActions(({ context, self, enqueue }) => {
      const { asked, askedAt, breakers } = context
      if (!asked) return
      const place = placeOf(context, asked)
      if (place === askedAt) return
      const before = askedAt === undefined ? undefined : breakers[askedAt]
      if (before) enqueue.sendTo(before, { type: 'permit.withdraw' })
      if (place === 'deny') {
        if (asked.replyTo) enqueue.sendTo(asked.replyTo, { type: 'permit.denied' })
        enqueue.assign({ asked: undefined, askedAt: undefined })
      } else if (place === 'wait') enqueue.assign({ askedAt: undefined })
      else {
        enqueue.sendTo(breakers[place] as BreakerRef, {
          type: 'permit.request',
          replyTo: self,
          purpose: asked.purpose,
          ...(asked.last && { last: true }),
        })
        enqueue.assign({ askedAt: place })
      }
    }),
    passOn: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'permit.granted') return
      const { permit } = event
      if (context.asked?.replyTo)
        enqueue.sendTo(context.asked.replyTo, {
          type: 'permit.granted',
          permit: { ...permit, others: true },
        })
      enqueue.assign({
        asked: undefined,
        askedAt: undefined,
        granted: permit.endpoint,
        available: permit.probe
          ? withAvailability(context.available, permit.endpoint, 'away')
          : context.available,
      })
    }),
    noteDenial: assign({
      asked: ({ context: { asked, askedAt } }) =>
        asked && { ...asked, except: [...asked.except, askedAt as number] },
      askedAt: undefined,
    }),
    /** Gives a permit back that is no longer wanted. */
    giveBack: enqueueActions(({ context, event, enqueue }) => {
      const breaker = context.breakers[endpointOf(event) ?? 0]
      if (breaker) enqueue.sendTo(breaker, { type: 'permit.cancel' })
    }),
    passRevocation: enqueueActions(({ context, event, enqueue }) => {
      if (context.holder)
        enqueue.sendTo(context.holder, { type: 'permit.revoked', endpoint: endpointOf(event) ?? 0 })
      enqueue.assign({ granted: undefined })
    }),
    withdraw: enqueueActions(({ context, enqueue }) => {
      const breaker = context.askedAt === undefined ? undefined : context.breakers[context.askedAt]
      if (breaker) enqueue.sendTo(breaker, { type: 'permit.withdraw' })
      enqueue.assign({ asked: undefined, askedAt: undefined })
    }),
    cancel: enqueueActions(({ context, enqueue }) => {
      for (const endpoint of new Set([context.granted, context.askedAt])) {
        const breaker = endpoint === undefined ? undefined : context.breakers[endpoint]
        if (breaker) enqueue.sendTo(breaker, { type: 'permit.cancel' })
      }
      enqueue.assign({ asked: undefined, askedAt: undefined, granted: undefined })
    }),
    passReport: enqueueActions(({ context, event, enqueue }) => {
      const endpoint = endpointOf(event) ?? 0
      const breaker = context.breakers[endpoint]
      if (event.type === 'export.reported' && breaker) enqueue.sendTo(breaker, event)
      if (endpoint === context.granted) enqueue.assign({ granted: undefined })
    }),
    passToAll: enqueueActions(({ context, event, enqueue }) => {
      if (event.type === 'breaker.configure' || event.type === 'breaker.renew')
        for (const breaker of context.breakers) enqueue.sendTo(breaker, event)
    }),

    /** The probe takes a batch of the next wave. */
    recall: enqueueActions(({ context, enqueue }) => {
      if (context.holder && context.asked === undefined)
        enqueue.sendTo(context.holder, { type: 'permit.recalled' })
    }),
    requestProbe: enqueueActions(({ context, self, enqueue }) => {
      const probed = probeable(context) ?? 0
      enqueue.assign({ probed })
      enqueue.sendTo(context.breakers[probed] as BreakerRef, {
        type: 'permit.request',
        replyTo: self,
        purpose: 'delivery',
      })
    }),
    withdrawProbe: enqueueActions(({ context, enqueue }) => {
      const breaker = context.breakers[context.probed]
      if (breaker) enqueue.sendTo(breaker, { type: 'permit.withdraw' })
    }),
    beginProbe: assign({
      probeGeneration: ({ context, event }) =>
        event.type === 'permit.granted' ? event.permit.generation : context.probeGeneration,
      available: ({ context }) => withAvailability(context.available, context.probed, 'away'),
      /** Who wanted nothing but a probe has got it. */
      asked: ({ context }) => (context.asked?.purpose === 'probe' ? undefined : context.asked),
    }),
    reportProbe: enqueueActions(({ context, enqueue }, { report }: { report: WaveReport }) => {
      const breaker = context.breakers[context.probed]
      if (breaker)
        enqueue.sendTo(breaker, {
          type: 'export.reported',
          generation: context.probeGeneration,
          endpoint: context.probed,
          ...report,
        })
    }),
    cancelProbe: enqueueActions(({ context, enqueue }) => {
      const breaker = context.breakers[context.probed]
      if (breaker) enqueue.sendTo(breaker, { type: 'permit.cancel' })
    }),
    noteError: ({ context, event }) => context.unit.noteError((event as { error?: unknown }).error),
  },
})
