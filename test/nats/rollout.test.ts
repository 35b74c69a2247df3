// Guards the decisions of a change of a fleet, step by step and without a server.
import assert from 'node:assert/strict'
import { TelemetryError } from '../../src/errors.ts'
import { type Rollout, rollOut } from '../../src/nats/fleet/rollout.ts'
import type { FleetStore, Written } from '../../src/nats/fleet/store.ts'
import type { NodeStatus } from '../../src/nats/node-status.ts'
import { createSimulatedClock } from '../../src/testing/simulated.ts'
import { statusOf } from './statuses.ts'

const document = { mock: { batch_size: 2 } }
const previous = { revision: 1, document: { mock: { batch_size: 1 } } }

function world(...nodes: readonly string[]) {
  const clock = createSimulatedClock()
  const statuses = new Map(nodes.map((node) => [node, statusOf(node, { at: clock.now() })]))
  const listeners = new Set<() => void>()
  const written: (Written & { readonly document: object; readonly expected: number })[] = []
  let revision = 1
  const store = {
    write: async (given: Record<string, unknown>, expected: number, by: Written) => {
      if (expected !== revision) throw new TelemetryError('FLEET_CONFLICT', 'changed meanwhile')
      written.push({ document: given, expected, ...by })
      revision += 1
      return revision
    },
  } as FleetStore
  const rollout: Rollout = {
    ...{
      document,
      previous,
      written: { by: 'test', change: 'x' },
      reconnected: [],
      waitMs: 5000,
      key: 'config',
    },
  }
  return {
    clock,
    written,
    begin: (more: Partial<Rollout> = {}) =>
      rollOut(
        {
          store,
          clock,
          statuses: {
            all: () => statuses,
            subscribe: (listener) => {
              listeners.add(listener)
              return () => void listeners.delete(listener)
            },
            refresh: async () => {},
            close: () => {},
          },
        },
        { ...rollout, ...more },
      ),
    says: (node: string, more: Partial<NodeStatus>) => {
      statuses.set(node, statusOf(node, { at: clock.now(), ...more }))
      for (const listener of listeners) listener()
    },
    /** Somebody else writes. */
    write: () => {
      revision += 1
    },
  }
}

const refusal = { refused: { revision: 2, problems: ['no'], omitted: 0 } }

describe('a change of a fleet', () => {
  it('is decided as soon as the last node has it', async () => {
    const { begin, says, clock } = world('a', 'b')
    const report = begin()
    await clock.settle()
    says('a', { revision: 2 })
    says('b', { revision: 2 })
    assert.equal((await report).result, 'changed')
  })

  it('is put back at the first refusal, by its own revision', async () => {
    const { begin, says, clock, written } = world('a', 'b')
    const report = begin()
    await clock.settle()
    says('b', refusal)
    const { result, restored, nodes } = await report
    assert.deepEqual([result, restored], ['rolled_back', 3])
    assert.deepEqual(
      nodes.map(({ node, outcome }) => `${node} ${outcome}`),
      ['a silent', 'b refused'],
    )
    assert.deepEqual(written[1], {
      ...{ document: previous.document, expected: 2, by: 'test' },
      change: 'put revision 1 back: b refused',
    })
  })

  it('is not put back upon what somebody else has written since', async () => {
    const { begin, says, clock, write, written } = world('a')
    const report = begin()
    await clock.settle()
    write()
    says('a', refusal)
    assert.equal((await report).result, 'superseded')
    assert.equal(written.length, 1)
  })

  it('does not wait for nodes that were gone before, and says which did not answer', async () => {
    const { begin, says, clock } = world('a', 'b')
    clock.increment(60_000)
    says('a', {})
    const report = begin()
    await clock.settle()
    clock.increment(5000)
    assert.deepEqual(
      (await report).nodes.map(({ node, outcome }) => `${node} ${outcome}`),
      ['a silent'],
    )
  })

  it('does not wait for nodes of another key, and lets none of them try it first', async () => {
    const { begin, says, clock } = world('a', 'b')
    says('b', { key: 'gateways', role: 'gateway' })
    const report = begin()
    await clock.settle()
    says('a', { revision: 2 })
    const { result, nodes } = await report
    assert.equal(result, 'changed')
    assert.deepEqual(nodes, [{ node: 'a', outcome: 'applied', problems: [] }])
  })

  it('watches the breakers of what it reconnects to the end of the wait', async () => {
    const { begin, says, clock } = world('a')
    const exporter = (breaker: string, breakerSince: number) => ({
      otel: { type: 'otel', state: 'serving', breaker, breakerSince, ledger: {} as never },
    })
    const report = begin({ reconnected: ['otel'] })
    await clock.settle()
    says('a', { revision: 2, exporters: exporter('closed', 0) })
    clock.increment(4000)
    says('a', { revision: 2, exporters: exporter('open', 4000) })
    const { result, nodes } = await report
    assert.equal(result, 'rolled_back')
    assert.equal(nodes[0]?.outcome, 'breaker_open')
  })
})
