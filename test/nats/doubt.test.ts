// Guards what is known of messages that a server gives out again without saying so: after it was killed, everything that the
// stream had is in doubt, for gateways that were there and for those that start later; what comes after it is not.
import assert from 'node:assert/strict'
import type { NatsConnection } from '@nats-io/transport-node'
import fc from 'fast-check'
import { doubtIn, doubtText } from '../../src/nats/doubt-text.ts'
import { readIdentity } from '../../src/nats/fleet/identity.ts'
import { createDoubt, type Doubt } from '../../src/nats/gateway/doubt.ts'
import { createTelemetryStream, signals } from '../../src/nats/gateway/stream.ts'
import { loadJetStream } from '../../src/nats-client/packages.ts'
import { askJetStream, publishStored } from '../../src/nats-client/stored.ts'
import { type NatsServer, needsNats, startNats } from '../support/nats-server.ts'
import { type Stage, stageOf, until } from './stage.ts'

const stream = 'telemachine_otel'
const { subject, consumer } = signals.spans

describe('doubt of what a stream gives out', () => {
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
    await createTelemetryStream(connection, stream)
  })
  afterEach(async () => {
    await askJetStream(connection, `STREAM.DELETE.${stream}`, undefined)
    await stage.clear()
  })
  after(() => server?.close())

  const publish = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) await publishStored(connection, subject, Buffer.from('x'))
  }
  const learnt = async (from: NatsConnection): Promise<Doubt> => {
    const doubt = createDoubt(from, stream, consumer)
    await doubt.learn()
    return doubt
  }
  const killAndRestart = async (): Promise<void> => {
    const { server_id: before } = connection.info!
    await server.kill()
    await server.restart()
    await until(() => connection.info?.server_id !== before, 'the connection is back')
  }
  /** A server that has just started may not answer yet. */
  const learn = (doubt: Doubt): Promise<void> =>
    until(
      () =>
        doubt.learn().then(
          () => true,
          () => false,
        ),
      'the server answers',
    )

  it('has none while the server lives, also for a gateway that starts with messages in the stream', async () => {
    await publish(2)
    const doubt = await learnt(connection)
    assert.deepEqual([doubt.has(1), doubt.has(2)], [false, false])
  })

  it('has all that was in the stream when a killed server came back, and nothing later', async () => {
    const doubt = await learnt(connection)
    await publish(3)
    await killAndRestart()
    assert.equal(doubt.has(4), true, 'until the new server was asked')
    await learn(doubt)
    await publish(1)
    assert.deepEqual([doubt.has(1), doubt.has(3), doubt.has(4)], [true, true, false])
  })

  it('is known to gateways that start later, and counted in the identity', async () => {
    const doubt = await learnt(connection)
    await publish(3)
    await killAndRestart()
    await learn(doubt)
    await publish(1)
    const later = await learnt(await stage.connection())
    assert.deepEqual([later.has(3), later.has(4)], [true, false])
    await killAndRestart()
    await learn(doubt)
    assert.equal((await readIdentity(connection, stream, []))?.doubtful, 3 + 4)
  })

  it('is had of everything, where nobody has noted which server forgot nothing', async () => {
    await publish(2)
    const info = await askJetStream<{ config: object }>(
      connection,
      `CONSUMER.INFO.${stream}.${consumer}`,
      undefined,
    )
    const config = { ...info.config, description: 'of somebody else' }
    await askJetStream(connection, `CONSUMER.DURABLE.CREATE.${stream}.${consumer}`, {
      stream_name: stream,
      config,
    })
    const doubt = await learnt(connection)
    assert.deepEqual([doubt.has(2), doubt.has(3)], [true, false])
  })

  it('is had of what a consumer that was deleted may have given out', async () => {
    await publish(2)
    await askJetStream(connection, `CONSUMER.DELETE.${stream}.${consumer}`, undefined)
    assert.deepEqual(await createTelemetryStream(connection, stream), [consumer])
    await publish(1)
    const doubt = await learnt(connection)
    assert.deepEqual([doubt.has(1), doubt.has(2), doubt.has(3)], [true, true, false])
    assert.equal((await readIdentity(connection, stream, []))?.doubtful, 2)
  })

  it('is no matter of a delivery that the stream says was not the first: the identity has those', async () => {
    await publish(2)
    const { jetstream } = await loadJetStream()
    const from = await jetstream(connection).consumers.get(stream, consumer)
    for (let round = 0; round < 2; round += 1)
      for await (const message of await from.fetch({ max_messages: 2, expires: 1000 })) {
        if (round === 0) message.nak()
        else message.ack()
      }
    await connection.flush()
    await until(
      async () => (await readIdentity(connection, stream, []))?.acknowledged === 2,
      'two are acknowledged',
    )
    assert.equal((await readIdentity(connection, stream, []))?.redelivered, 2)
  })

  it('is read from a description as it was written', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat(),
        fc.stringMatching(/^[A-Za-z0-9_-]{1,60}$/),
        (highest, messages, name) => {
          const noted = { highest, messages, server: name }
          assert.deepEqual(doubtIn(doubtText(noted)), noted)
        },
      ),
    )
    assert.equal(doubtIn(undefined), undefined)
  })
})
