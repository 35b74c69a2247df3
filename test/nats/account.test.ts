// Guards the example account of docs/fleet.md against a real server: a node does its work with these permissions, and can
// write neither the document nor the status of another node. A viewer reads statuses, and can write nothing.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createTelemetry } from '../../src/index.ts'
import { createTelemetryStream } from '../../src/nats/gateway/stream.ts'
import { natsConfig, natsFleet, openFleet } from '../../src/nats/index.ts'
import { connectTo } from '../../src/nats-client/connection.ts'
import { askJetStream, publishStored } from '../../src/nats-client/stored.ts'
import { type NatsServer, needsNats, startNats } from '../support/nats-server.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { known, until } from './stage.ts'

const document = readFileSync(new URL('../../docs/fleet.md', import.meta.url), 'utf8')
const [, accounts = ''] = /```conf\n([\s\S]*?)```/.exec(document) ?? []

describe('the credentials of the example account', () => {
  let server: NatsServer
  const ends: (() => Promise<unknown>)[] = []
  const node = { user: 'shop-1', password: 'node-secret' }
  const viewer = { user: 'viewer', password: 'viewer-secret' }
  const operator = { user: 'operator', password: 'operator-secret' }
  const timeoutMs = 300

  before(async function () {
    needsNats(this)
    process.env.OPERATOR_PASSWORD = 'operator-secret'
    process.env.SHOP_1_PASSWORD = node.password
    process.env.VIEWER_PASSWORD = viewer.password
    server = await startNats(accounts)
  })
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end()
  })
  after(() => server?.close())

  it('are enough for the configuration, the status and the telemetry of a node, and for nothing else', async () => {
    const fleet = await openFleet({ servers: server.url, ...operator })
    ends.push(() => fleet.close())
    const connection = await connectTo({ servers: server.url, ...operator, name: 'operator' })
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
    for (const subject of ['$KV.telemachine.config', '$KV.telemachine_status.shop-2'])
      await assert.rejects(publishStored(thief, subject, Buffer.from('{}'), { timeoutMs }), subject)
    for (const request of ['CONSUMER.CREATE.KV_telemachine', 'STREAM.PURGE.KV_telemachine', 'STREAM.LIST'])
      await assert.rejects(askJetStream(thief, request, undefined, timeoutMs), request)
    const status = await fleet.status()
    assert.equal(status.nodes.length, 1)
    assert.equal(telemetry.config.get('mock.batch_size'), 7)
  })

  it('are enough for a viewer to see the fleet, and for nothing else', async () => {
    const fleet = await openFleet({ servers: server.url, ...operator })
    ends.push(() => fleet.close())
    const telemetry = createTelemetry({
      logger: quietLogger,
      config: {
        env: {},
        init: { mock: {} } as object,
        remote: [natsConfig({ servers: server.url, node: 'shop-1', heartbeatMs: 500, ...node })],
      },
    })
    ends.push(() => telemetry.stop())
    await telemetry.start()
    const view = natsFleet({ servers: server.url, inbox: '_INBOX.viewer', ...viewer })
    ends.push(() => view.close())
    const shop = async () => (await view.read()).nodes.find((one) => one.node === 'shop-1')
    await until(async () => (await shop())?.state === 'current', 'the node is seen')
    const { heardAt } = (await shop())!
    await until(async () => (await shop())!.heardAt > heardAt, 'its next heartbeat is heard')

    const connection = { servers: server.url, name: 'thief', inboxPrefix: '_INBOX.viewer' }
    const thief = await connectTo({ ...connection, ...viewer })
    ends.push(() => thief.close())
    for (const subject of ['$KV.telemachine.config', '$KV.telemachine_status.shop-1'])
      await assert.rejects(publishStored(thief, subject, Buffer.from('{}'), { timeoutMs }), subject)
    await assert.rejects(askJetStream(thief, 'CONSUMER.CREATE.KV_telemachine_status', undefined, timeoutMs))
  })

  it('say so where they do not suffice to see the fleet', async () => {
    const view = natsFleet({ servers: server.url, inbox: '_INBOX.shop-1', ...node })
    ends.push(() => view.close())
    const { link, asOf } = await view.read()
    assert.equal(link.state, 'away')
    assert.match(link.error ?? '', /^listening to telemachine\.telemachine_status\.\* is refused: /)
    assert.equal(asOf, undefined)
  })
})
