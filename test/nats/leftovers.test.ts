// Guards that a killed server's work queue becomes empty: what its consumer knows to be acknowledged is removed, and nothing
// else, from no other kind of stream.
import assert from 'node:assert/strict'
import type { NatsConnection } from '@nats-io/transport-node'
import { createSystemClock } from '../../src/clock.ts'
import { createLeftovers } from '../../src/nats/gateway/leftovers.ts'
import { createTelemetryStream, signals } from '../../src/nats/gateway/stream.ts'
import { loadJetStream } from '../../src/nats-client/packages.ts'
import { askJetStream, publishStored } from '../../src/nats-client/stored.ts'
import { createSimulatedClock } from '../../src/testing/index.ts'
import { type NatsServer, needsNats, startNats } from '../support/nats-server.ts'
import { type Stage, stageOf } from './stage.ts'

const stream = 'telemachine_otel'
const { subject, consumer } = signals.spans
const subjects = Object.values(signals).map((signal) => signal.subject)

describe('what a killed server leaves in a stream', () => {
  let server: NatsServer
  let stage: Stage
  let connection: NatsConnection

  before(async function () {
    needsNats(this)
    server = await startNats()
  })
  beforeEach(async () => {
    stage = stageOf(server)
    connection = await stage.connection()
  })
  afterEach(async () => {
    await askJetStream(connection, `STREAM.DELETE.${stream}`, undefined).catch(() => {})
    await stage.clear()
  })
  after(() => server?.close())

  const publish = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) await publishStored(connection, subject, Buffer.from('x'))
  }
  const acknowledge = async (count: number): Promise<void> => {
    const { jetstream } = await loadJetStream()
    const from = await jetstream(connection).consumers.get(stream, consumer)
    for await (const message of await from.fetch({ max_messages: count, expires: 1000 }))
      await message.ackAck()
  }
  const messages = async (): Promise<number> =>
    (await askJetStream<{ state: { messages: number } }>(connection, `STREAM.INFO.${stream}`, undefined))
      .state.messages
  const removeUpTo = async (sequence: number): Promise<void> => {
    const leftovers = createLeftovers(connection, stream, consumer, createSystemClock())
    leftovers.mayBe(sequence)
    await leftovers.remove()
  }

  it('is removed up to where everything is acknowledged, until nothing can be left', async () => {
    // A real server leaves something only sometimes.
    const answers = { floor: 3, waiting: 4 }
    const purged: unknown[] = []
    const server = {
      request: async (to: string, request?: string) => {
        if (to.includes('PURGE')) purged.push(JSON.parse(request!))
        const { floor, waiting } = answers
        const config = { filter_subject: subject, retention: 'workqueue' }
        const answer = { config, ack_floor: { stream_seq: floor }, num_pending: waiting, num_ack_pending: 0 }
        return { json: () => answer }
      },
    } as unknown as NatsConnection
    const clock = createSimulatedClock()
    const leftovers = createLeftovers(server, stream, consumer, clock)
    leftovers.mayBe(7)
    for (const floor of [3, 9, 9]) {
      answers.floor = floor
      await leftovers.remove()
      clock.increment(1000)
    }
    assert.deepEqual(purged, [
      { filter: subject, seq: 4 },
      { filter: subject, seq: 8 },
    ])
  })

  it('is kept when it was not acknowledged', async () => {
    await createTelemetryStream(connection, stream)
    await publish(5)
    await acknowledge(2)
    await removeUpTo(5)
    assert.equal(await messages(), 3)
  })

  it('is kept when nothing was acknowledged at all', async () => {
    await createTelemetryStream(connection, stream)
    await publish(3)
    await removeUpTo(3)
    assert.equal(await messages(), 3)
  })

  it('is kept in a stream that others may read too', async () => {
    await askJetStream(connection, `STREAM.CREATE.${stream}`, { name: stream, subjects, retention: 'limits' })
    await createTelemetryStream(connection, stream)
    await publish(3)
    await acknowledge(3)
    await removeUpTo(3)
    assert.equal(await messages(), 3)
  })
})
