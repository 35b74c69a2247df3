// Guards the identity over producers, stream and gateways while all of them are killed: what a producer knows to be stored
// arrives, the stream's own counts say what is where, and what arrives twice was counted ambiguous. In every run with a few
// thousand spans; with TELEMACHINE_NIGHTLY=1, or by bench/fleet.ts, with a million.
import assert from 'node:assert/strict'
import { startNatsCluster } from '../support/nats-cluster.ts'
import { type NatsServer, needsNats, startNats } from '../support/nats-server.ts'
import { type IdentityResult, runIdentity } from './processes/identity.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'
const size = nightly
  ? { spans: 1_000_000, producers: 4, killEveryMs: 2000, ackWaitMs: 10_000 }
  : { spans: 12_000, producers: 2, killEveryMs: 400, ackWaitMs: 4000 }

function assertIdentity({ nodes, stream, ...seen }: IdentityResult): void {
  const text = JSON.stringify({ nodes, stream, ...seen })
  assert.ok(nodes.spans >= size.spans, text)
  assert.equal(seen.lost, 0, text)
  assert.equal(stream.acknowledged + stream.pending, stream.stored, text)
  assert.equal(stream.pending, stream.leftOver, text)
  assert.ok(stream.stored >= nodes.batches, text)
  assert.ok(stream.stored <= nodes.batches + nodes.ambiguousBatches, text)
  assert.ok(seen.duplicates <= seen.ambiguous.producers + seen.ambiguous.gateways, text)
  assert.ok(seen.duplicateBatches <= stream.redelivered + stream.doubtful + nodes.ambiguousBatches, text)
}

describe('telemetry over a stream, under kills of producers, gateways and servers', () => {
  const ends: (() => Promise<void>)[] = []
  const run = async (server: NatsServer, replicas: number): Promise<void> => {
    ends.push(() => server.close())
    assertIdentity(await runIdentity({ ...size, server, replicas, gateways: 2, random: Math.random }))
  }
  before(function () {
    needsNats(this)
  })
  afterEach(async () => {
    for (const end of ends.splice(0)) await end()
  })

  it('loses nothing, and counts what may have arrived twice', async function () {
    this.timeout(nightly ? 1_200_000 : 300_000)
    await run(await startNats(), 1)
  })

  it('does so with three servers that have a copy each', async function () {
    if (!nightly) this.skip()
    this.timeout(1_200_000)
    await run(await startNatsCluster('telemachine_otel', Math.random), 3)
  })
})
