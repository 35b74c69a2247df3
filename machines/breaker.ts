import { assign, sendTo, setup } from 'xstate'
import type { BreakerEvent, BreakerReply, BreakerSettings, ExportResult, PermitHolder } from './events.ts'

export interface BreakerInput {
  readonly settings: BreakerSettings
  /** Starts in `disabled`: the exporter is pulled and asks for no permits. */
  readonly standsAside?: boolean
}

export interface BreakerContext {
  readonly settings: BreakerSettings
  /** Who asked last, and is answered. */
  readonly holder: PermitHolder | undefined
  readonly standsAside: boolean
  /** Consecutive failures while closed. */
  readonly failures: number
  /** Stamped on permits; a report of an older generation changes no state. */
  readonly generation: number
  readonly waiting: boolean
}

/** The consecutive failures after some results, or `trip` when the breaker has to open. */
function countFailures(before: number, results: readonly ExportResult[], threshold: number): number | 'trip' {
  let failures = before
  for (const result of results) {
    if (result === 'misdirected') return 'trip'
    if (result === 'failure') failures += 1
    else if (result !== 'cancelled') failures = 0
    if (failures >= threshold) return 'trip'
  }
  return failures
}

const alive = (results: readonly ExportResult[]): boolean =>
  results.some((result) => result === 'success' || result === 'neutral')
const down = (results: readonly ExportResult[]): boolean =>
  results.some((result) => result === 'failure' || result === 'misdirected')

/**
 * A circuit breaker that grants. Closed: every request gets a permit at once. Open: requests wait.
 * Half open: one request gets a probe. forced_open and disabled are an operator's (semantics, section 7).
 */
export const breakerMachine = setup({
  types: {
    context: {} as BreakerContext,
    events: {} as BreakerEvent,
    input: {} as BreakerInput,
  },
  delays: {
    resetTimeout: ({ context }) => context.settings.resetTimeoutMs,
    probeDeadline: ({ context }) => context.settings.probeTimeoutMs,
  },
  guards: {
    isWaiting: ({ context }) => context.waiting,
    isUrgent: ({ event }) => event.type === 'permit.request' && event.urgent === true,
    isCurrent: ({ context, event }) =>
      event.type === 'export.reported' && event.generation === context.generation,
    trips: ({ context, event }) =>
      event.type === 'export.reported' &&
      event.generation === context.generation &&
      countFailures(context.failures, event.results, context.settings.failureThreshold) === 'trip',
    probeFailed: ({ context, event }) =>
      event.type === 'export.reported' && event.generation === context.generation && down(event.results),
    probeSucceeded: ({ context, event }) =>
      event.type === 'export.reported' && event.generation === context.generation && alive(event.results),
    standsAside: ({ context }) => context.standsAside,
  },
  actions: {
    /** Answers the holder; a host that is no actor provides its own `grant` and `deny` (see createBreaker). */
    grant: sendTo(
      ({ context }) => context.holder as PermitHolder,
      ({ context }, { probe }: { probe: boolean }): BreakerReply => ({
        type: 'permit.granted',
        permit: { generation: context.generation, probe },
      }),
    ),
    deny: sendTo(({ context }) => context.holder as PermitHolder, { type: 'permit.denied' }),
    noteHolder: assign({
      holder: ({ context, event }) =>
        event.type === 'permit.request' ? (event.replyTo ?? context.holder) : context.holder,
    }),
    wait: assign({ waiting: true }),
    stopWaiting: assign({ waiting: false }),
    configure: assign({
      settings: ({ context, event }) =>
        event.type === 'breaker.configure' ? event.settings : context.settings,
    }),
    nextGeneration: assign({ generation: ({ context }) => context.generation + 1 }),
    forgetFailures: assign({ failures: 0 }),
    countFailures: assign({
      failures: ({ context, event }) => {
        if (event.type !== 'export.reported') return context.failures
        const after = countFailures(context.failures, event.results, context.settings.failureThreshold)
        return after === 'trip' ? context.failures : after
      },
    }),
  },
}).createMachine({
  id: 'breaker',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({
    settings: input.settings,
    holder: undefined,
    standsAside: input.standsAside ?? false,
    failures: 0,
    generation: 0,
    waiting: false,
  }),
  initial: 'starting',
  on: {
    'breaker.configure': { actions: 'configure' },
    'breaker.force_open': { target: '.forced_open' },
    'breaker.disable': { target: '.disabled' },
    'breaker.reset': { target: '.closed' },
    'permit.withdraw': { actions: 'stopWaiting' },
    'permit.cancel': { actions: 'stopWaiting' },
  },
  states: {
    starting: {
      always: [{ guard: 'standsAside', target: 'disabled' }, { target: 'closed' }],
    },
    closed: {
      entry: ['forgetFailures', 'nextGeneration'],
      always: { guard: 'isWaiting', actions: ['stopWaiting', { type: 'grant', params: { probe: false } }] },
      on: {
        'permit.request': { actions: ['noteHolder', { type: 'grant', params: { probe: false } }] },
        'export.reported': [
          { guard: 'trips', target: 'open' },
          { guard: 'isCurrent', actions: 'countFailures' },
        ],
        'breaker.renew': { actions: ['forgetFailures', 'nextGeneration'] },
      },
    },
    open: {
      entry: 'nextGeneration',
      after: { resetTimeout: 'half_open' },
      on: {
        'permit.request': [
          { guard: 'isUrgent', actions: ['noteHolder', { type: 'grant', params: { probe: true } }] },
          { actions: ['noteHolder', 'wait'] },
        ],
        'breaker.renew': 'closed',
      },
    },
    half_open: {
      entry: 'nextGeneration',
      initial: 'free',
      on: {
        'permit.request': { actions: ['noteHolder', 'wait'] },
        'breaker.renew': 'closed',
      },
      states: {
        free: {
          always: { guard: 'isWaiting', target: 'probing' },
          on: { 'permit.request': { target: 'probing', actions: 'noteHolder' } },
        },
        probing: {
          entry: ['nextGeneration', 'stopWaiting', { type: 'grant', params: { probe: true } }],
          after: { probeDeadline: 'free' },
          on: {
            'permit.cancel': { target: 'free', actions: 'stopWaiting' },
            'export.reported': [
              { guard: 'probeFailed', target: '#breaker.open' },
              { guard: 'probeSucceeded', target: '#breaker.closed' },
              { guard: 'isCurrent', target: 'free' },
            ],
          },
        },
      },
    },
    forced_open: {
      entry: 'nextGeneration',
      on: {
        'permit.request': [
          { guard: 'isUrgent', actions: ['noteHolder', 'deny'] },
          { actions: ['noteHolder', 'wait'] },
        ],
        'breaker.renew': { actions: 'nextGeneration' },
      },
    },
    disabled: {
      entry: 'nextGeneration',
      always: { guard: 'isWaiting', actions: ['stopWaiting', { type: 'grant', params: { probe: false } }] },
      on: {
        'permit.request': { actions: ['noteHolder', { type: 'grant', params: { probe: false } }] },
        'breaker.renew': { actions: 'nextGeneration' },
      },
    },
  },
})
