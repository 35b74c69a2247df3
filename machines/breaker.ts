import { assign, emit, enqueueActions, sendTo, setup } from 'xstate'
import type { BreakerContext, BreakerInput } from './breaker-context.ts'
import type {
  Availability,
  BreakerEvent,
  BreakerReply,
  BreakerSettings,
  ExportResult,
  PermitHolder,
  StateEmitted,
} from './events.ts'
import type { BreakerState } from './states.ts'

/** The consecutive failures after some results, or what opens the breaker. */
function countFailures(
  before: number,
  results: readonly ExportResult[],
  threshold: number,
): number | 'failure' | 'misdirected' {
  if (results.includes('misdirected')) return 'misdirected'
  let failures = before
  for (const result of results) {
    if (result === 'failure') failures += 1
    else if (result !== 'cancelled') failures = 0
    if (failures >= threshold) return 'failure'
  }
  return failures
}

const alive = (results: readonly ExportResult[]): boolean =>
  results.some((result) => result === 'success' || result === 'neutral')

/** An eighth of the outage so far, within the bounds of the settings, less a jitter that keeps a fleet out of step. */
function outageWaitMs(
  { initialResetTimeoutMs, resetTimeoutMs }: BreakerSettings,
  outageMs: number,
  jitter: number,
): number {
  if (initialResetTimeoutMs === undefined) return resetTimeoutMs
  const shortest = Math.min(initialResetTimeoutMs, resetTimeoutMs)
  return Math.min(Math.max(outageMs / 8, shortest), resetTimeoutMs) * (1 - 0.2 * jitter)
}

const reported = (event: BreakerEvent, context: BreakerContext) =>
  event.type === 'export.reported' && event.generation === context.generation ? event : undefined

/** Who is answered: the exporter that asks now, else the one that has waited. */
const asker = ({ context, event }: { context: BreakerContext; event: BreakerEvent }): PermitHolder =>
  ((event.type === 'permit.request' ? event.replyTo : undefined) ?? context.waiter) as PermitHolder

const retryAfterMs = (event: BreakerEvent): number =>
  (event.type === 'export.reported' && event.retryAfterMs) || 0

const lets = (availability: Availability) => [{ type: 'let', params: { availability } }, 'tell'] as const

const verdict = (event: BreakerEvent, context: BreakerContext) => {
  const report = reported(event, context)
  return report && countFailures(context.failures, report.results, context.settings.failureThreshold)
}

/**
 * A circuit breaker that grants. Closed: every request gets a permit at once. Open: requests wait.
 * Half open: one request gets a probe. forced_open and disabled are an operator's.
 */
export const breakerMachine = setup({
  types: {
    context: {} as BreakerContext,
    events: {} as BreakerEvent,
    input: {} as BreakerInput,
    emitted: {} as StateEmitted,
    tags: {} as BreakerState,
  },
  delays: {
    wait: ({ context }) => context.waitMs,
    probeDeadline: ({ context }) => context.settings.probeTimeoutMs,
  },
  guards: {
    isAwaited: ({ context }) => context.waiter !== undefined,
    isUrgent: ({ event }) => event.type === 'permit.request' && event.purpose === 'urgent',
    asksForProbe: ({ event }) => event.type === 'permit.request' && event.purpose === 'probe',
    mayProbe: ({ context, event }) =>
      event.type === 'permit.request' &&
      event.purpose === 'urgent' &&
      !(context.urgentSpent || (context.leftAlone && !event.last)),
    isCurrent: ({ context, event }) => reported(event, context) !== undefined,
    isMisdirected: ({ context, event }) => verdict(event, context) === 'misdirected',
    trips: ({ context, event }) => verdict(event, context) === 'failure',
    probeFailed: ({ context, event }) => reported(event, context)?.results.includes('failure') === true,
    probeSucceeded: ({ context, event }) => alive(reported(event, context)?.results ?? []),
    isBypassed: ({ context }) => context.bypassed,
  },
  actions: {
    announce: emit({ type: 'state.shown' }),
    keepWatcher: assign({
      watcher: ({ context, event }) => (event.type === 'breaker.watch' ? event.watcher : context.watcher),
    }),
    let: assign({ availability: (_, { availability }: { availability: Availability }) => availability }),
    tell: enqueueActions(({ context: { watcher, endpoint, availability }, enqueue }) => {
      if (watcher) enqueue.sendTo(watcher, { type: 'breaker.shown', endpoint, availability })
    }),
    /** A host that is not an actor provides its own `grant` and `deny` (see createBreaker). */
    grant: enqueueActions(({ context, event, enqueue }, { probe }: { probe: boolean }) => {
      const holder = asker({ context, event })
      enqueue.sendTo(holder, {
        type: 'permit.granted',
        permit: { generation: context.generation, endpoint: context.endpoint, probe },
      } satisfies BreakerReply)
      enqueue.assign({ holder })
    }),
    deny: sendTo(asker, ({ context }) => ({ type: 'permit.denied' as const, endpoint: context.endpoint })),
    wait: assign({ waiter: ({ event }) => (event.type === 'permit.request' ? event.replyTo : undefined) }),
    endWait: assign({ waiter: undefined }),
    giveBack: assign({ waiter: undefined, holder: undefined }),
    configure: assign({
      settings: ({ context, event }) =>
        event.type === 'breaker.configure' ? event.settings : context.settings,
    }),
    /** Permits of an earlier generation are void: their holder asks again, and their reports change nothing. */
    nextGeneration: enqueueActions(({ context, event, enqueue }) => {
      if (context.holder && event.type !== 'export.reported')
        enqueue.sendTo(context.holder, { type: 'permit.revoked', endpoint: context.endpoint })
      enqueue.assign({ generation: context.generation + 1, holder: undefined })
    }),
    forgetFailures: assign({ failures: 0 }),
    countFailures: assign({
      failures: ({ context, event }) => {
        const after = verdict(event, context)
        return typeof after === 'number' ? after : context.failures
      },
    }),
    beginOutage: assign({
      leftClosedAt: ({ context, event }) =>
        event.type === 'export.reported' ? event.at : context.leftClosedAt,
      urgentSpent: false,
    }),
    planProbe: assign({
      waitMs: ({ context, event }) =>
        event.type === 'export.reported'
          ? Math.max(
              outageWaitMs(context.settings, event.at - context.leftClosedAt, event.jitter),
              retryAfterMs(event),
            )
          : context.waitMs,
      urgentSpent: false,
      leftAlone: ({ event }) => retryAfterMs(event) > 0,
    }),
    /** Trying again heals no key. */
    planLateProbe: assign({
      waitMs: ({ context, event }) => Math.max(context.settings.resetTimeoutMs, retryAfterMs(event)),
      leftAlone: ({ event }) => retryAfterMs(event) > 0,
    }),
    spendUrgent: assign({ urgentSpent: true }),
    allowUrgent: assign({ urgentSpent: false }),
  },
}).createMachine({
  id: 'breaker',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({
    settings: input.settings,
    bypassed: input.bypassed ?? false,
    endpoint: input.endpoint ?? 0,
    watcher: undefined,
    availability: 'serves',
    failures: 0,
    generation: 0,
    waiter: undefined,
    holder: undefined,
    leftClosedAt: 0,
    waitMs: 0,
    urgentSpent: false,
    leftAlone: false,
  }),
  initial: 'starting',
  on: {
    'breaker.configure': { actions: 'configure' },
    'breaker.watch': { actions: ['keepWatcher', 'tell'] },
    'breaker.force_open': { target: '.forced_open' },
    'breaker.disable': { target: '.disabled' },
    'breaker.reset': { target: '.closed' },
    'permit.withdraw': { actions: 'endWait' },
    'permit.cancel': { actions: 'giveBack' },
  },
  states: {
    starting: {
      always: [{ guard: 'isBypassed', target: 'disabled' }, { target: 'closed' }],
    },
    closed: {
      tags: 'closed',
      entry: ['announce', 'forgetFailures', 'nextGeneration', ...lets('serves')],
      always: { guard: 'isAwaited', actions: [{ type: 'grant', params: { probe: false } }, 'endWait'] },
      on: {
        'permit.request': [
          { guard: 'asksForProbe', actions: [] },
          { actions: { type: 'grant', params: { probe: false } } },
        ],
        'export.reported': [
          { guard: 'isMisdirected', target: 'open', actions: ['beginOutage', 'planLateProbe'] },
          { guard: 'trips', target: 'open', actions: ['beginOutage', 'planProbe'] },
          { guard: 'isCurrent', actions: 'countFailures' },
        ],
        'breaker.renew': { actions: ['forgetFailures', 'nextGeneration'] },
      },
    },
    open: {
      tags: 'open',
      entry: ['announce', 'nextGeneration', ...lets('away')],
      after: { wait: { target: 'half_open', actions: 'allowUrgent' } },
      on: {
        'permit.request': [
          { guard: 'mayProbe', target: 'half_open.probing', actions: 'spendUrgent' },
          { guard: 'isUrgent', actions: 'deny' },
          { actions: 'wait' },
        ],
        'breaker.renew': 'closed',
      },
    },
    half_open: {
      tags: 'half_open',
      entry: ['announce', 'nextGeneration'],
      initial: 'free',
      on: {
        'permit.request': { actions: 'wait' },
        'breaker.renew': 'closed',
      },
      states: {
        free: {
          entry: lets('probe_free'),
          always: { guard: 'isAwaited', target: 'probing' },
          on: { 'permit.request': 'probing' },
        },
        probing: {
          // The actor that is granted the probe knows already that it is taken.
          entry: [lets('away')[0], 'nextGeneration', { type: 'grant', params: { probe: true } }, 'endWait'],
          after: { probeDeadline: 'free' },
          on: {
            'permit.cancel': { target: 'free', actions: 'giveBack' },
            'export.reported': [
              { guard: 'isMisdirected', target: '#breaker.open', actions: 'planLateProbe' },
              { guard: 'probeFailed', target: '#breaker.open', actions: 'planProbe' },
              { guard: 'probeSucceeded', target: '#breaker.closed' },
              { guard: 'isCurrent', target: 'free' },
            ],
          },
        },
      },
    },
    forced_open: {
      tags: 'forced_open',
      entry: ['announce', 'nextGeneration', ...lets('forced_open')],
      on: {
        'permit.request': [{ guard: 'isUrgent', actions: 'deny' }, { actions: 'wait' }],
        'breaker.renew': { actions: 'nextGeneration' },
      },
    },
    disabled: {
      tags: 'disabled',
      entry: ['announce', 'nextGeneration', ...lets('serves')],
      always: { guard: 'isAwaited', actions: [{ type: 'grant', params: { probe: false } }, 'endWait'] },
      on: {
        'permit.request': [
          { guard: 'asksForProbe', actions: [] },
          { actions: { type: 'grant', params: { probe: false } } },
        ],
        'breaker.renew': { actions: 'nextGeneration' },
      },
    },
  },
})
