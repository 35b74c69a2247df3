import type { Availability } from './events.ts'
import { failoverSetup } from './failover-setup.ts'

/**
 * Decides which of several endpoints serves. It stands in for their breakers: an actor that asks it for a permit gets
 * that of the first endpoint whose breaker is closed. While a fallback serves, an endpoint that is preferred to it is
 * probed, with one batch at a time, as soon as its breaker lets a probe through. While none serves, requests wait for a
 * probe.
 */
export const failoverMachine = failoverSetup.createMachine({
  id: 'failover',
  options: { maxIterations: 1000 },
  context: ({ input: { unit, breakers } }) => ({
    unit,
    breakers,
    available: breakers.map((): Availability => 'serves'),
    serving: 0,
    asked: undefined,
    askedAt: undefined,
    holder: undefined,
    granted: undefined,
    probed: 0,
    probeGeneration: 0,
  }),
  entry: 'watch',
  type: 'parallel',
  on: {
    'permit.request': { actions: ['noteRequest', 'route'] },
    'permit.withdraw': { actions: 'withdraw' },
    'permit.cancel': { actions: 'cancel' },
    'export.reported': { actions: 'passReport' },
    'breaker.configure': { actions: 'passToAll' },
    'breaker.renew': { actions: 'passToAll' },
    'permit.granted': [{ guard: 'isAsked', actions: 'passOn' }, { actions: 'giveBack' }],
    'permit.denied': { guard: 'isAsked', actions: ['noteDenial', 'route'] },
    'permit.revoked': { guard: 'isGranted', actions: 'passRevocation' },
    'breaker.shown': { actions: 'noteShown' },
    'failover.endpoints': { actions: ['takeEndpoints', 'watch'] },
  },
  states: {
    serving: {
      initial: 'primary',
      states: {
        primary: {
          entry: ['choose', 'route'],
          always: [
            { guard: 'fallbackServes', target: 'fallback' },
            { guard: 'noneServes', target: 'none' },
          ],
        },
        fallback: {
          entry: ['choose', 'route'],
          always: [
            { guard: 'primaryServes', target: 'primary' },
            { guard: 'noneServes', target: 'none' },
            { guard: 'otherFallbackServes', target: 'fallback', reenter: true },
          ],
        },
        none: {
          entry: ['choose', 'route'],
          always: [
            { guard: 'primaryServes', target: 'primary' },
            { guard: 'fallbackServes', target: 'fallback' },
            { guard: 'canBePlaced', actions: 'route' },
          ],
        },
      },
    },

    /** Probes an endpoint that is preferred to the one that serves. */
    probe: {
      initial: 'waiting',
      states: {
        waiting: { always: { guard: 'betterMayBeProbed', target: 'due' } },
        /** The next batch that goes is the probe. */
        due: {
          entry: 'recall',
          always: [
            { guard: 'nothingToProbe', target: 'waiting' },
            { guard: 'hasWork', target: 'asking' },
          ],
          on: {
            'permit.request': { guard: 'isNoFlush', target: 'asking', actions: 'noteRequest' },
          },
        },
        asking: {
          entry: 'requestProbe',
          always: { guard: 'probeIsOff', target: 'waiting', actions: ['withdrawProbe', 'route'] },
          on: {
            'permit.granted': { guard: 'isProbe', target: 'probing', actions: 'beginProbe' },
            'permit.request': { actions: 'noteRequest' },
          },
        },
        /** The request that had the work goes on to the endpoint that serves. */
        probing: {
          entry: 'route',
          invoke: {
            src: 'exportProbe',
            input: ({ context }) => ({ unit: context.unit, endpoint: context.probed }),
            onDone: {
              target: 'waiting',
              actions: { type: 'reportProbe', params: ({ event }) => ({ report: event.output }) },
            },
            onError: { target: 'waiting', actions: ['noteError', 'cancelProbe'] },
          },
        },
      },
    },
  },
})
