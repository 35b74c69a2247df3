// Guards the configuration that a fleet shares: each change reaches every node once, whatever becomes of the server; a
// node starts without it; and each node says what became of a document.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { natsConfig } from '../../src/nats/index.ts'
import { publishStored } from '../../src/nats-client/stored.ts'
import { type NatsServer, needsNats } from '../support/nats-server.ts'
import { known, type Stage, stageOf, startNats, until } from './stage.ts'

const batchSize = (telemetry: { config: { get(path: string): unknown } }) =>
  telemetry.config.get('mock.batch_size')

describe('configuration from NATS', () => {
  let server: NatsServer
  let stage: Stage

  before(async function () {
    needsNats(this)
    server = await startNats()
  })
  beforeEach(() => {
    stage = stageOf(server)
  })
  afterEach(() => stage?.clear())
  after(() => server?.close())

  it('is read at the start, and changes nodes that run', async () => {
    const fleet = await stage.fleet()
    await fleet.put({ put: { 'mock.batch_size': 7 }, unset: [] })
    const nodes = await Promise.all(['a', 'b'].map((name) => stage.node(name)))
    assert.deepEqual(nodes.map(batchSize), [7, 7])
    await known(fleet, 'a', 'b')
    const { result, nodes: reports } = await fleet.put({ put: { 'mock.batch_size': 8 }, unset: [] })
    assert.equal(result, 'changed')
    assert.deepEqual(reports.map(({ node, outcome }) => `${node} ${outcome}`).toSorted(), [
      'a applied',
      'b applied',
    ])
    assert.deepEqual(nodes.map(batchSize), [8, 8])
  })

  it('shows the revision, states, breakers and ledgers of each node, to its end', async () => {
    const fleet = await stage.fleet()
    const telemetry = await stage.node('a')
    await known(fleet, 'a')
    telemetry.emit('job.start')
    await telemetry.flush()
    await fleet.put({ put: { 'mock.batch_size': 7 }, unset: [] })
    const { revision, nodes } = await fleet.status()
    const [node] = nodes
    assert.equal(node?.revision, revision)
    assert.equal(node?.alive, true)
    assert.equal(node?.exporters.mock?.state, 'serving')
    assert.equal(node?.exporters.mock?.breaker, 'closed')
    telemetry.emit('job.success')
    await telemetry.stop()
    const [after] = (await fleet.status()).nodes
    assert.equal(after?.system, 'stopped')
    assert.equal(after?.alive, false)
    assert.equal(after?.exporters.mock?.ledger.delivered, telemetry.status().exporters.mock?.ledger.delivered)
  })

  it('is refused by the rules for untrusted sources, and the node says why', async () => {
    const fleet = await stage.fleet()
    await stage.node('a', {
      init: { otel: { endpoint: 'http://127.0.0.1:9/v1/traces', headers: { 'x-key': 'secret' } } },
    })
    await known(fleet, 'a')
    const { result, nodes } = await fleet.put({
      put: { 'otel.endpoint': 'http://elsewhere.example/v1/traces' },
      unset: [],
    })
    assert.equal(result, 'rolled_back')
    assert.match(nodes[0]?.problems[0] ?? '', /stored credentials are not sent there/)
    assert.doesNotMatch(JSON.stringify(await fleet.status()), /secret/)
  })

  it('is not changed by a document that cannot be read, nor by one that is deleted', async () => {
    const fleet = await stage.fleet()
    const telemetry = await stage.node('a')
    await known(fleet, 'a')
    const { revision } = await fleet.put({ put: { 'mock.batch_size': 7 }, unset: [] })
    const connection = await stage.connection()
    const { seq } = await publishStored(connection, `$KV.${stage.bucket}.config`, Buffer.from('{'))
    const refused = async () => (await fleet.status()).nodes[0]?.refused
    await until(async () => (await refused())?.revision === seq, 'the node refuses it')
    assert.match((await refused())?.problems[0] ?? '', /not JSON/)
    await publishStored(connection, `$KV.${stage.bucket}.config`, Buffer.alloc(0), {
      headers: { 'KV-Operation': 'DEL' },
    })
    await stage.node('b')
    assert.equal(batchSize(telemetry), 7)
    assert.equal((await fleet.status()).nodes[0]?.revision, revision)
  })

  it('loses no change while the server is killed again and again, and applies none twice', async () => {
    const fleet = await stage.fleet()
    const applied: string[] = []
    const telemetry = await stage.node('a', { heartbeatMs: 500 })
    telemetry.attach('applied', ['telemetry.config.applied'], () => {
      applied.push(String(batchSize(telemetry)))
    })
    const expected: string[] = []
    for (let round = 1; round <= 5; round += 1) {
      await server.kill()
      const restarting = server.restart()
      await fleet.put({ put: { 'mock.batch_size': round }, unset: [] }, { waitMs: 0 })
      expected.push(String(round))
      await until(() => batchSize(telemetry) === round, `change ${round} is in force`)
      await restarting
    }
    await until(() => applied.length >= expected.length, 'every change was announced')
    assert.deepEqual(applied, expected)
    assert.equal(telemetry.status().config.version, 1 + expected.length)
  })

  it('is kept on disk for a start without the server, and only if it was good', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'telemachine-cache-'))
    const cacheFile = join(folder, 'config.json')
    try {
      const fleet = await stage.fleet()
      const first = await stage.node('a', { cacheFile })
      await fleet.put({ put: { 'mock.batch_size': 7 }, unset: [] })
      await until(async () => (await readFile(cacheFile, 'utf8').catch(() => '')).includes('7'), 'the cache')
      assert.equal((await stat(cacheFile)).mode & 0o077, 0)
      await fleet.put({ put: { 'mock.batch_size': 0 }, unset: [] }, { waitMs: 0 })
      await first.stop()
      await server.kill()
      const second = await stage.node('b', { cacheFile })
      assert.equal(batchSize(second), 7)
      assert.equal(second.status().config.sources[0]?.state, 'lost')
      await server.restart()
      await until(() => second.status().config.sources[0]?.state === 'watching', 'the server is heard again')
      const third = await stage.node('c', { cacheFile })
      await until(() => batchSize(third) === 7, 'the good one is taken where the latest is refused')
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  it('starts a node without server and cache, and takes the document when the server is there', async () => {
    const fleet = await stage.fleet()
    await fleet.put({ put: { 'mock.batch_size': 7 }, unset: [] })
    await server.kill()
    const telemetry = await stage.node('a')
    assert.equal(batchSize(telemetry), 512)
    await server.restart()
    await until(() => batchSize(telemetry) === 7, 'the document is in force')
  })

  it('refuses options that mean nothing', () => {
    for (const wrong of [
      { servers: [] },
      { servers: 'http://localhost' },
      { servers: 'nats://user:secret@localhost' },
      { servers: 'nats://localhost', bucket: 'a.b' },
      { servers: 'nats://localhost', node: '*' },
      { servers: 'nats://localhost', heartbeatMs: 0 },
    ])
      assert.throws(() => natsConfig(wrong), { code: 'NATS_OPTION_INVALID' })
  })
})
