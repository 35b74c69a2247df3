// Guards the changes of a fleet: each node is heard, a failure is put back everywhere, and no writer overwrites what
// another has written since it looked.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Telemetry } from '../../src/index.ts'
import type { Fleet } from '../../src/nats/index.ts'
import { run } from '../cli/harness.ts'
import { inTime } from '../support/in-time.ts'
import { type NatsServer, needsNats } from '../support/nats-server.ts'
import { freePort } from '../support/ports.ts'
import { known, type Stage, stageOf, startNats, until } from './stage.ts'

const batchSize = (telemetry: Telemetry) => telemetry.config.get('mock.batch_size')
const put = (fleet: Fleet, changes: Record<string, unknown>, options = {}) =>
  fleet.put({ put: changes, unset: [] }, { waitMs: 30_000, ...options })

describe('a fleet on NATS', () => {
  let server: NatsServer
  let stage: Stage
  let fleet: Fleet

  before(async function () {
    needsNats(this)
    server = await startNats()
  })
  beforeEach(async () => {
    stage = stageOf(server)
    fleet = await stage.fleet()
  })
  afterEach(() => stage?.clear())
  after(() => server?.close())

  it('goes back everywhere when one node refuses a change, and says which', async () => {
    const nodes = await Promise.all([
      stage.node('fits'),
      stage.node('differs', { init: { mock: {}, otel: { type: 'mock' } } }),
    ])
    await known(fleet, 'fits', 'differs')
    await put(fleet, { 'mock.batch_size': 7 })
    // A type cannot change while the exporter exists, which it does on one of them only.
    const {
      result,
      revision,
      restored,
      nodes: reports,
    } = await inTime(5000, 'the put', put(fleet, { 'mock.batch_size': 8, 'otel.type': 'otel' }))
    assert.equal(result, 'rolled_back')
    const refusal = reports.find(({ node }) => node === 'differs')
    assert.equal(refusal?.outcome, 'refused')
    assert.match(refusal?.problems.join() ?? '', /telemetry\.otel/)
    const areBack = async (): Promise<boolean> => {
      const status = await fleet.status()
      return status.nodes.every((node) => node.revision === restored && !node.refused)
    }
    // Within 1 s on a quiet machine: bench/fleet.ts measures it.
    await until(areBack, 'all nodes are back', 5000)
    assert.deepEqual(nodes.map(batchSize), [7, 7])
    assert.ok((restored ?? 0) > revision)
  })

  it('goes back when a circuit breaker opens on a destination that the change named', async () => {
    const nowhere = `http://127.0.0.1:${await freePort()}/v1/traces`
    const telemetry = await stage.node('a', { init: { otel: { flush_interval: 0, failure_threshold: 1 } } })
    await known(fleet, 'a')
    const before = telemetry.config.get('otel.endpoint')
    const emitting = setInterval(() => telemetry.span('job', () => {}), 10)
    try {
      const { result, nodes } = await put(fleet, { 'otel.endpoint': nowhere })
      assert.equal(result, 'rolled_back')
      assert.equal(nodes[0]?.outcome, 'breaker_open')
      assert.match(nodes[0]?.problems[0] ?? '', /circuit breaker of otel opened: cannot connect to/)
      await until(() => telemetry.config.get('otel.endpoint') === before, 'the old endpoint is back')
    } finally {
      clearInterval(emitting)
    }
  })

  it('does not go back because of a breaker that was open before, or of another exporter', async () => {
    const telemetry = await stage.node('a', {
      init: {
        down: {
          type: 'otel',
          endpoint: `http://127.0.0.1:${await freePort()}/v1/traces`,
          flush_interval: 0,
          failure_threshold: 1,
        },
        mock: {},
      },
    })
    await known(fleet, 'a')
    telemetry.span('job', () => {})
    await until(
      async () => (await fleet.status()).nodes[0]?.exporters.down?.breaker !== 'closed',
      'the breaker is seen to be open',
    )
    const { result } = await put(fleet, { 'mock.batch_size': 9 })
    assert.equal(result, 'changed')
    assert.equal(batchSize(telemetry), 9)
  })

  it('is not changed upon another revision than the one that was looked at', async () => {
    const { revision } = await put(fleet, { 'mock.batch_size': 7 })
    const other = await stage.fleet()
    const { revision: theirs } = await put(other, { 'mock.batch_size': 5 }, { ifRevision: revision })
    await assert.rejects(put(fleet, { 'mock.batch_size': 6 }, { ifRevision: revision }), {
      code: 'FLEET_CONFLICT',
    })
    assert.equal((await fleet.status()).revision, theirs)
  })

  it('is changed by the first of two writers only', async () => {
    await put(fleet, { 'mock.batch_size': 1 })
    const other = await stage.fleet()
    const outcomes = await Promise.allSettled([
      put(fleet, { 'mock.batch_size': 2 }),
      put(other, { 'mock.batch_size': 3 }),
    ])
    const refusals = outcomes.filter(({ status }) => status === 'rejected')
    // Both may come one after the other; never do both write upon the same revision.
    assert.ok(refusals.length <= 1)
    for (const refusal of refusals)
      assert.equal(((refusal as PromiseRejectedResult).reason as { code: string }).code, 'FLEET_CONFLICT')
  })

  it('lets some nodes try a change first, and spares the others what those refuse', async () => {
    const names = ['a', 'b', 'c', 'd']
    const nodes = await Promise.all(names.map((name) => stage.node(name)))
    await known(fleet, ...names)
    const first = await put(fleet, { 'mock.batch_size': 7 })
    const good = await put(fleet, { 'mock.batch_size': 8 }, { canary: 0.25 })
    assert.equal(good.result, 'changed')
    assert.equal(good.canary?.length, 1)
    assert.equal(good.nodes.length, 4)
    assert.deepEqual(nodes.map(batchSize), [8, 8, 8, 8])
    const bad = await put(fleet, { 'mock.batch_size': 0 }, { canary: 0.5 })
    assert.equal(bad.result, 'rolled_back')
    assert.ok(bad.nodes.length === 2 && bad.nodes.some(({ outcome }) => outcome === 'refused'))
    await until(async () => {
      const { nodes: now, canary } = await fleet.status()
      return !canary && now.every(({ refused }) => refused === undefined)
    }, 'the canary is over')
    assert.deepEqual(nodes.map(batchSize), [8, 8, 8, 8])
    assert.ok(good.revision > first.revision)
  })

  it('remembers who changed what, and can go back to it', async () => {
    const telemetry = await stage.node('a')
    await known(fleet, 'a')
    const { revision } = await put(fleet, { 'mock.batch_size': 7 })
    await put(fleet, { 'mock.batch_size': 8, 'mock.flush_interval': 2 })
    const { result } = await fleet.rollback()
    assert.equal(result, 'changed')
    assert.equal(batchSize(telemetry), 7)
    const history = await fleet.history()
    assert.deepEqual(
      history.map(({ by, change }) => `${by}: ${change}`),
      [
        'test: telemetry.mock.batch_size',
        'test: telemetry.mock.batch_size, telemetry.mock.flush_interval',
        `test: roll back to revision ${revision}`,
      ],
    )
    await assert.rejects(fleet.rollback(9999), { code: 'FLEET_REFUSED' })
  })

  it('is operated by the command', async () => {
    await stage.node('a')
    await known(fleet, 'a')
    const env = { NATS_URL: server.url }
    const command = (...args: string[]) => run(['fleet', ...args, '--bucket', stage.bucket], { env })
    const changed = await command('put', 'mock.batch_size=7')
    assert.equal(changed.stderr, '')
    assert.match(changed.stdout, /^a: applied\nrevision \d+ is in force on 1 node\n$/)
    const refused = await command('put', 'mock.batch_size=0')
    assert.equal(refused.code, 1)
    assert.match(refused.stdout, /^a: refused\n {2}telemetry\.mock\.batch_size .* is 0, but must be/)
    assert.match(refused.stderr, /rolled back/)
    // The node reports a moment after it has the previous document again.
    const isBack = async (): Promise<boolean> =>
      /^revision \d+, 1 node, 1 alive\nNODE .*\na +node +ok/.test((await command('status')).stdout)
    await until(isBack, 'the status says that the node is well')
    assert.match((await command('history')).stdout, /put revision \d+ back: a refused\n$/)
    const late = await command('put', 'mock.batch_size=8', '--if-revision', '1')
    assert.equal(late.code, 1)
    assert.match(late.stderr, /the latest revision is \d+, not 1/)
    const wrong = await command('put', 'mock.batch_size=8', '--canary', '10')
    assert.equal(wrong.code, 2)
    const away = await run(['fleet', 'status', '--server', `nats://127.0.0.1:${await freePort()}`])
    assert.equal(away.code, 3)
    assert.match(away.stderr, /^telemachine: cannot connect to the NATS server at [^\n]+\n$/)
  })

  it('takes a document, paths to unset, a canary, a wait and a revision to go back to from the command', async () => {
    const telemetry = await stage.node('a')
    await known(fleet, 'a')
    const env = { NATS_URL: server.url }
    const command = (...args: string[]) => run(['fleet', ...args, '--bucket', stage.bucket], { env })
    const folder = await mkdtemp(join(tmpdir(), 'telemachine-fleet-'))
    try {
      const file = join(folder, 'document.json')
      await writeFile(file, JSON.stringify({ mock: { batch_size: 5, flush_interval: 2 } }))
      assert.match((await command('put', '--file', file)).stdout, /is in force on 1 node\n$/)
    } finally {
      await rm(folder, { recursive: true })
    }
    const { revision } = await fleet.status()
    assert.equal(batchSize(telemetry), 5)
    assert.equal((await command('put', '--unset', 'mock.batch_size')).code, 0)
    assert.equal(batchSize(telemetry), 512)
    const canary = await command('put', 'mock.batch_size=6', '--canary', '100%')
    assert.match(canary.stdout, /^a: applied\ntried first by a\nrevision \d+ is in force on 1 node\n$/)
    const unwatched = await command('put', 'mock.batch_size=7', '--wait', '0')
    assert.equal(unwatched.code, 1)
    assert.match(unwatched.stdout, /stands; 1 node of 1 did not report in time/)
    await until(() => batchSize(telemetry) === 7, 'it is in force all the same')
    const back = await command('rollback', String(revision))
    assert.deepEqual([back.code, batchSize(telemetry)], [0, 5])
    const entries = JSON.parse((await command('history', '--json')).stdout) as { change: string }[]
    assert.deepEqual(
      entries.map(({ change }) => change),
      [
        'the whole document',
        '-telemetry.mock.batch_size',
        'telemetry.mock.batch_size',
        'telemetry.mock.batch_size',
        `roll back to revision ${revision}`,
      ],
    )
  })
})
