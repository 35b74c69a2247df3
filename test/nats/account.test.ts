// Guards the example account of docs/fleet.md against a real server: a node does its work with these permissions, and can
// write neither the document nor the status of another node.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createTelemetry } from '../../src/index.ts'
import { createTelemetryStream } from '../../src/nats/gateway/stream.ts'
import { natsConfig, openFleet } from '../../src/nats/index.ts'
import { connectTo } from '../../src/nats-client/connection.ts'
import { askJetStream, publishStored } from '../../src/nats-client/stored.ts'
import { type NatsServer, needsNats, startNats } from '../support/nats-server.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { known, until } from './stage.ts'

const document = readFileSync(new URL('../../docs/fleet.md', import.meta.url), 'utf8')
const [, accounts = ''] = /```conf\n([\s\S]*?)```/.exec(document) ?? []

describe('the credentials of a node', () => {
  let server: NatsServer
  const ends: (() => Promise<unknown>)[] = []
  const node = { user: 'shop-1', password: 'node-secret' }

  before(async function () {
    needsNats(this)
    process.env.OPERATOR_PASSWORD = 'operator-secret'
    process.env.SHOP_1_PASSWORD = node.password
    server = await startNats(accounts)
  })
  after(async () => {
    for (const end of ends.toReversed()) await end()
    await server?.close()
  })

  it('are enough for its configuration, its status and its telemetry, and for nothing else', async () => {
    const operator = { servers: server.url, user: 'operator', password: 'operator-secret' }
    const fleet = await openFleet(operator)
    ends.push(() => fleet.close())
    const connection = await connectTo({ ...operator, name: 'operator' })
    ends.push(() => connection.close())
    await createTelemetryStream(connection, 'telemachine_otel')

    const telemetry = createTelemetry({
      logger: quietLogger,
      config: {
        env: {},
        init: {
          mock: {},
          jetstream: { server: server.url, inbox: '_INBOX.shop-1', ...node },
        },
        remote: [natsConfig({ servers: server.url, node: 'shop-1', ...node })],
      },
    })
    ends.push(() => telemetry.stop())
    await telemetry.start()
    await known(fleet, 'shop-1')
    const { result, nodes } = await fleet.put({ put: { 'mock.batch_size': 7 }, unset: [] })
    assert.equal(result, 'changed')
    assert.deepEqual(nodes, [{ node: 'shop-1', outcome: 'applied', problems: [] }])
    assert.equal(telemetry.config.get('mock.batch_size'), 7)
    telemetry.span('job', () => {})
    await telemetry.flush()
    await until(() => telemetry.status().exporters.jetstream?.ledger.delivered === 2, 'the span is stored')

    const thief = await connectTo({
      servers: server.url,
      name: 'thief',
      ...node,
      inboxPrefix: '_INBOX.shop-1',
    })
    ends.push(() => thief.close())
    const timeoutMs = 300
    for (const subject of ['$KV.telemachine.config', '$KV.telemachine_status.shop-2'])
      await assert.rejects(publishStored(thief, subject, Buffer.from('{}'), { timeoutMs }), subject)
    for (const request of ['CONSUMER.CREATE.KV_telemachine', 'STREAM.PURGE.KV_telemachine', 'STREAM.LIST'])
      await assert.rejects(askJetStream(thief, request, undefined, timeoutMs), request)
    const status = await fleet.status()
    assert.equal(status.nodes.length, 1)
    assert.equal(telemetry.config.get('mock.batch_size'), 7)
  })
})
