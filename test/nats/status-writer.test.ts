// Guards when a node writes its status: what is not urgent comes after the change that all nodes take at the same moment,
// and is written once; what is urgent goes at once, and takes its place.
import assert from 'node:assert/strict'
import type { NatsConnection } from '@nats-io/transport-node'
import type { NodeStatus } from '../../src/nats/node-status.ts'
import { createStatusWriter } from '../../src/nats/status-writer.ts'
import { createSimulatedClock } from '../../src/testing/simulated.ts'

function started() {
  const clock = createSimulatedClock()
  const written: { readonly at: number; readonly revision: number }[] = []
  const began = clock.now()
  let revision = 0
  const connection = {
    request: async (_subject: string, data: Buffer) => {
      written.push({ at: clock.now() - began, revision: JSON.parse(data.toString()).revision })
      return { json: () => ({ stream: 'statuses', seq: written.length }) }
    },
  } as unknown as NatsConnection
  const writer = createStatusWriter(
    clock,
    () => connection,
    'status',
    () => ({ revision }) as NodeStatus,
  )
  return {
    ...{ clock, writer, written },
    applied: (next: number): void => {
      revision = next
      writer.writeSoon()
    },
  }
}

describe('the status of a node', () => {
  it('is written after the change, 100 to 150 ms later, once for several changes', async () => {
    const { clock, written, applied } = started()
    applied(1)
    applied(2)
    await clock.advance(99)
    assert.deepEqual(written, [])
    await clock.advance(52)
    await clock.settle()
    assert.deepEqual(
      written.map(({ revision }) => revision),
      [2],
    )
    await clock.advance(1000)
    assert.equal(written.length, 1)
  })

  it('is written at once where it is urgent, and not once more', async () => {
    const { clock, writer, written, applied } = started()
    applied(1)
    await writer.write()
    await clock.advance(1000)
    assert.deepEqual(written, [{ at: 0, revision: 1 }])
  })
})
