// Guards that a killed server's work queue becomes empty: what its consumer knows to be acknowledged is removed, and nothing
// else, from no other kind of stream.
import assert from 'node:assert/strict'
import type { NatsConnection } from '@nats-io/transport-node'
import { createSystemClock } from '../../src/clock.ts'
import { createLeftovers } from '../../src/nats/gateway/leftovers.ts'
import { createTelemetryStream, signals } from '../../src/nats/gateway/stream.ts'
import { loadJetStream } from '../../src/nats-client/packages.ts'
import { askJetStream, publishStored } from '../../src/nats-client/stored.ts'
import { type NatsServer, needsNats, startNats } from '../support/nats-server.ts'
import { type Stage, stageOf, until } from './stage.ts'

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
    await askJetStream(connection, `STREAM.DELETE.${stream}`, undefined)
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

  it('is removed when it was acknowledged', async () => {
    await createTelemetryStream(connection, stream)
    await publish(200)
    await acknowledge(200)
    const { server_id: before } = connection.info!
    await server.kill()
    await server.restart()
    await until(() => connection.info?.server_id !== before, 'the connection is back')
    const empty = async (): Promise<boolean> => {
      // Some are given out again, others are not: it depends on what the server had written.
      await acknowledge(200)
      await removeUpTo(200)
      return (await messages()) === 0
    }
    // A server that has just started may not answer yet.
    await until(() => empty().catch(() => false), 'the stream is empty')
    await publish(1)
    assert.equal(await messages(), 1)
  }).timeout(30_000)

  it('is kept when it was not acknowledged', async () => {
    await createTelemetryStream(connection, stream)
    await publish(5)
    await acknowledge(2)
    await removeUpTo(5)
    assert.equal(await messages(), 3)
  })

  it('is kept when nothing was acknowledged', async () => {
    await createTelemetryStream(connection, stream)
    await publish(5)
    await removeUpTo(5)
    assert.equal(await messages(), 5)
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
