// Guards the identity over producers, stream and gateways while gateways and the server are killed: what was published is
// what arrives, and the stream's own counts say so. bench/fleet.ts runs it with a million spans, and shows duplicates.
import assert from 'node:assert/strict'
import { needsNats } from '../support/nats-server.ts'
import { runIdentity } from './processes/identity.ts'

describe('telemetry over a stream, under kills', () => {
  it('loses nothing, and counts what the stream has', async function () {
    this.timeout(180_000)
    needsNats(this)
    const result = await runIdentity({
      ...{ spans: 20_000, producers: 2, gateways: 2, killEveryMs: 500, ackWaitMs: 2000, random: Math.random },
    })
    const text = JSON.stringify(result)
    const { emitted, received, producers, stream } = result
    assert.equal(received, emitted, text)
    assert.deepEqual([producers.delivered, producers.dropped], [2 * emitted, 0], text)
    assert.equal(stream.pending, 0)
    assert.equal(stream.acknowledged, stream.stored)
    // An answer that was lost, of a batch that was stored: the stream has one more than the producers heard of.
    assert.ok(producers.published <= stream.stored, text)
  })
})
