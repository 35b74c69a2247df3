// Guards that a gateway fetches again, by itself, after its server was away or has lost the stream or its consumers.
import assert from 'node:assert/strict'
import type { NatsConnection } from '@nats-io/transport-node'
import { signals } from '../../src/nats/gateway/stream.ts'
import { createGateway } from '../../src/nats/index.ts'
import { askJetStream, publishStored } from '../../src/nats-client/stored.ts'
import { type Backend, createBackend } from '../../src/testing/index.ts'
import { needsNats, startNats } from '../support/nats-server.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { type Stage, stageOf, until } from './stage.ts'

const stream = 'telemachine_otel'
const { subject, consumer } = signals.spans

describe('a gateway fetches again', () => {
  let server: Awaited<ReturnType<typeof startNats>>
  let stage: Stage
  let backend: Backend
  let connection: NatsConnection
  let stop: () => Promise<unknown>

  beforeEach(async function () {
    needsNats(this)
    server = await startNats()
    stage = stageOf(server)
    backend = createBackend()
    await backend.listen()
    const gateway = createGateway({
      ...{ servers: server.url, logger: quietLogger },
      config: { env: {}, init: { otel: { endpoint: backend.url } } },
    })
    await gateway.start()
    stop = () => gateway.stop({ timeoutMs: 500 })
    connection = await stage.connection()
    await arrives('the first')
    await waits()
  })
  afterEach(async () => {
    await stop?.()
    await stage?.clear()
    await backend?.close()
    await server?.close()
  })

  /** A message gets through. A server that has just started refuses for a moment, and so does a stream that is not there. */
  const arrives = async (what: string): Promise<void> => {
    const before = backend.requests
    await until(
      () =>
        publishStored(connection, subject, Buffer.alloc(0)).then(
          () => true,
          () => false,
        ),
      `${what} is stored`,
    )
    await until(() => backend.requests > before, `${what} is delivered`)
  }
  const api = (request: string): Promise<unknown> => askJetStream(connection, request, undefined)
  /** The gateway has an open request for messages. */
  const waits = (): Promise<void> =>
    until(
      async () =>
        ((await api(`CONSUMER.INFO.${stream}.${consumer}`)) as { num_waiting: number }).num_waiting > 0,
      'the gateway waits for messages',
    )

  it('after its server was killed', async () => {
    for (let round = 0; round < 3; round += 1) {
      await server.kill()
      await server.restart()
      await arrives(`message ${round}`)
    }
  })

  it('from a server that came back with nothing', async () => {
    await server.kill()
    await server.forget()
    await server.restart()
    await arrives('a message')
  })

  it('from a server that has forgotten its sequence, and not how far its consumers were', async () => {
    for (let i = 0; i < 5; i += 1) await arrives(`message ${i}`)
    await server.kill()
    await server.forget(`$G/streams/${stream}/msgs`)
    await server.restart()
    await arrives('a message')
  })

  it('from a consumer that was deleted', async () => {
    await api(`CONSUMER.DELETE.${stream}.${consumer}`)
    await arrives('a message')
  })

  it('from a stream that was deleted', async () => {
    await api(`STREAM.DELETE.${stream}`)
    await arrives('a message')
    assert.equal(
      ((await api(`STREAM.INFO.${stream}`)) as { config: { retention: string } }).config.retention,
      'workqueue',
    )
  })
})
