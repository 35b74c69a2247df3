// Guards what the admin API shows of a fleet: how each node stands to its document, from the keys that nodes write, whatever
// somebody has written there and whether the server answers or not.
import assert from 'node:assert/strict'
import type { AdminFleet, AdminFleetNode, AdminFleetView } from '../../src/admin/index.ts'
import { natsFleet, openFleet } from '../../src/nats/index.ts'
import { askJetStream, publishStored } from '../../src/nats-client/stored.ts'
import { createSimulatedClock } from '../../src/testing/index.ts'
import { type NatsServer, needsNats } from '../support/nats-server.ts'
import { freePort } from '../support/ports.ts'
import { leaveRefused, type Stage, stageOf, startNats, until } from './stage.ts'
import { statusOf } from './statuses.ts'

describe('the view of a fleet', () => {
  let server: NatsServer
  let stage: Stage
  let monitor: number
  const views: AdminFleet[] = []

  before(async function () {
    needsNats(this)
    monitor = await freePort()
    server = await startNats(`http: 127.0.0.1:${monitor}`)
  })
  beforeEach(() => {
    stage = stageOf(server)
  })
  afterEach(async () => {
    for (const view of views.splice(0)) await view.close()
    await stage?.clear()
  })
  after(() => server?.close())

  const open = (more: object = {}): AdminFleet => {
    const view = natsFleet({ servers: server.url, bucket: stage.bucket, ...more })
    views.push(view)
    return view
  }
  const nodeIn = ({ nodes }: AdminFleetView, name: string): AdminFleetNode | undefined =>
    nodes.find(({ node }) => node === name)
  /** Reads until a node is in a state. */
  const shows = async (view: AdminFleet, name: string, state: string): Promise<AdminFleetNode> => {
    let node: AdminFleetNode | undefined
    await until(async () => {
      node = nodeIn(await view.read(), name)
      return node?.state === state
    }, `${name} is ${state}`)
    return node!
  }
  const connections = async (): Promise<string[]> => {
    const answer = await fetch(`http://127.0.0.1:${monitor}/connz`)
    const { connections: found } = (await answer.json()) as { connections: { name: string }[] }
    return found.map(({ name }) => name)
  }

  it('shows each node with its revision, and how it stands to the one that is stored', async () => {
    const fleet = await stage.fleet()
    const view = open()
    await stage.node('fits')
    await stage.node('differs', { init: { mock: {}, otel: { type: 'mock' } } })
    await shows(view, 'fits', 'current')
    const revision = await leaveRefused(fleet, { 'mock.batch_size': 8, 'otel.type': 'otel' })
    const refusing = await shows(view, 'differs', 'refused')
    assert.equal(refusing.status?.refused?.revision, revision)
    assert.match(refusing.status?.refused?.problems.join() ?? '', /telemetry\.otel/)
    const { documents, link, nodes } = await view.read()
    assert.deepEqual(documents, [{ key: 'config', revision, deleted: false }])
    assert.deepEqual(link, { state: 'connected' })
    assert.equal(nodes.length, 2)
    assert.equal((await shows(view, 'fits', 'current')).status?.revision, revision)
  })

  it('compares a node with the document of its own key', async () => {
    const [fleet, gateways] = await Promise.all([stage.fleet(), stage.fleet('gateways')])
    await stage.node('service')
    await stage.node('through', { key: 'gateways', role: 'gateway' })
    const view = open()
    await fleet.put({ put: { 'mock.batch_size': 7 }, unset: [] })
    await gateways.put({ put: { 'mock.batch_size': 9 }, unset: [] })
    await shows(view, 'service', 'current')
    const { status } = await shows(view, 'through', 'current')
    assert.equal(status?.role, 'gateway')
    const { documents } = await view.read()
    assert.deepEqual(documents.map(({ key, revision }) => [key, revision]).toSorted(), [
      ['config', 1],
      ['gateways', 2],
    ])
  })

  it('shows who tries a change, who is behind, who stopped and who is silent', async () => {
    const connection = await stage.connection()
    await stage.fleet()
    const view = open()
    const write = (node: string, more: object) =>
      publishStored(
        connection,
        `$KV.${stage.bucket}_status.${node}`,
        Buffer.from(JSON.stringify({ ...statusOf(node), ...more })),
      )
    await write('tries', { canary: true, revision: 9 })
    await write('behind', { revision: 3 })
    await write('left', { system: 'stopped' })
    // A heartbeat may be missed twice, and a second late.
    await write('gone', { revision: 0, heartbeatMs: 100 })
    await shows(view, 'tries', 'canary')
    await shows(view, 'behind', 'behind')
    await shows(view, 'left', 'stopped')
    await shows(view, 'gone', 'silent')
    const telemetry = await stage.node('stops')
    await shows(view, 'stops', 'current')
    await telemetry.stop()
    await shows(view, 'stops', 'stopped')
  })

  it('shows a change that some nodes try, and a document that was deleted', async () => {
    const [fleet, connection] = await Promise.all([stage.fleet(), stage.connection()])
    await stage.node('a')
    const { revision } = await fleet.put({ put: { 'mock.batch_size': 7 }, unset: [] })
    const config = `$KV.${stage.bucket}.config`
    const canary = { base: revision, nodes: ['a'], document: { mock: { batch_size: 9 } } }
    const { seq } = await publishStored(connection, `${config}.canary`, Buffer.from(JSON.stringify(canary)))
    const view = open()
    await shows(view, 'a', 'canary')
    assert.deepEqual((await view.read()).documents[0]?.canary, { revision: seq, nodes: 1 })
    const headers = { 'KV-Operation': 'DEL' }
    await publishStored(connection, `${config}.canary`, Buffer.alloc(0), { headers })
    await publishStored(connection, config, Buffer.alloc(0), { headers })
    await until(async () => (await view.read()).documents[0]?.deleted, 'the document is deleted')
    await shows(view, 'a', 'current')
  })

  it('shows what it cannot read as that, and nothing of it', async () => {
    const connection = await stage.connection()
    await stage.fleet()
    const before = open()
    await before.read()
    const hostile: readonly (readonly [string, string])[] = [
      ['<svg/onload=alert(1)>', JSON.stringify(statusOf('a'))],
      ['__proto__', '{'],
      ['empty', ''],
      ['nothing', 'null'],
      ['deep', '['.repeat(50_000)],
      ['huge', JSON.stringify({ ...statusOf('huge'), note: 'x'.repeat(600_000) })],
      ['partial', JSON.stringify({ ...statusOf('partial'), exporters: { otel: null } })],
      ['n'.repeat(1000), JSON.stringify(statusOf('a'))],
    ]
    for (const [node, text] of hostile)
      await publishStored(connection, `$KV.${stage.bucket}_status.${node}`, Buffer.from(text))
    await stage.node('good')
    // Those that were heard, and those that were read from the store.
    for (const view of [before, open()]) {
      await shows(view, 'good', 'current')
      for (const [node] of hostile) {
        const { status } = await shows(view, node, 'unreadable')
        assert.equal(status, undefined)
      }
    }
  })

  it('forgets a node that the store has forgotten', async () => {
    const fleet = await openFleet({ servers: server.url, bucket: stage.bucket })
    await fleet.close()
    const connection = await stage.connection()
    const stream = `KV_${stage.bucket}_status`
    await publishStored(
      connection,
      `$KV.${stage.bucket}_status.gone`,
      Buffer.from(JSON.stringify(statusOf('gone', { system: 'stopped' }))),
    )
    const clock = createSimulatedClock({ startAt: Date.now() })
    const view = open({ clock })
    assert.equal(nodeIn(await view.read(), 'gone')?.state, 'stopped')
    // As it does by itself, an hour after the last status of a node.
    await askJetStream(connection, `STREAM.PURGE.${stream}`, undefined)
    for (let waited = 0; waited < 60_000; waited += 20_000) {
      clock.increment(20_000)
      await view.read()
    }
    await until(async () => {
      clock.increment(1000)
      return nodeIn(await view.read(), 'gone') === undefined
    }, 'it is forgotten')
  })

  it('shows what was last known while the server is away, and goes on when it is back', async () => {
    await stage.fleet()
    await stage.node('a', { heartbeatMs: 100 })
    const view = open()
    await shows(view, 'a', 'current')
    await server.kill()
    await until(async () => (await view.read()).link.state === 'away', 'the server is missed')
    const { asOf } = await view.read()
    await until(() => Date.now() - asOf! > 1500, 'heartbeats would be missed')
    const away = await view.read()
    assert.match(away.link.error ?? '', /away|not answer|connect/)
    assert.equal(away.asOf, asOf)
    assert.equal(nodeIn(away, 'a')?.state, 'current')
    await server.restart()
    await until(async () => (await view.read()).link.state === 'connected', 'the server is heard again')
    await shows(view, 'a', 'current')
    assert.ok((await view.read()).asOf! > asOf!)
  })

  it('says why nothing is known where there is no server, or no bucket', async () => {
    const noServer = open({ servers: `nats://127.0.0.1:${await freePort()}` })
    const { link, asOf, nodes } = await noServer.read()
    assert.equal(link.state, 'away')
    assert.match(link.error ?? '', /^cannot connect to the NATS server at /)
    assert.deepEqual([asOf, nodes], [undefined, []])
    const noBucket = await open({ bucket: 'missing' }).read()
    assert.match(noBucket.link.error ?? '', /stream not found/)
    assert.throws(() => natsFleet({ servers: [] }), { code: 'NATS_OPTION_INVALID' })
    assert.throws(() => natsFleet({ servers: server.url, bucket: '*' }), { code: 'NATS_OPTION_INVALID' })
  })

  it('is connected while somebody looks, and no longer', async () => {
    await stage.fleet()
    const clock = createSimulatedClock({ startAt: Date.now() })
    const view = open({ clock })
    const isConnected = async () => (await connections()).includes('telemachine fleet view')
    assert.equal(await isConnected(), false)
    await Promise.all([view.read(), view.read(), view.read()])
    assert.equal((await connections()).filter((name) => name === 'telemachine fleet view').length, 1)
    clock.increment(20_000)
    await view.read()
    clock.increment(20_000)
    assert.equal(await isConnected(), true)
    clock.increment(10_000)
    await until(async () => !(await isConnected()), 'nobody has looked for 30 s')
    await stage.node('a')
    await until(async () => {
      clock.increment(600)
      return nodeIn(await view.read(), 'a')?.state === 'current'
    }, 'it is connected again')
    await view.close()
    await until(async () => !(await isConnected()), 'it is closed')
    assert.equal(nodeIn(await view.read(), 'a')?.state, 'current')
    assert.equal(await isConnected(), false)
  })
})
