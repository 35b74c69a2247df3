// Guards the fleet of the admin API: who may ask, what is counted and shown, and that no answer grows beyond its bounds.
import assert from 'node:assert/strict'
import type { AdminFleetExporter, AdminFleetNode } from '../../src/admin/index.ts'
import { statusOf } from '../nats/statuses.ts'
import { createSimulatedFleet, nodeOf, type SimulatedFleet } from './simulated-fleet.ts'
import { ask, openSite, type Site, token } from './site.ts'

const { otel } = statusOf('a').exporters
const exporterOf = (more: Partial<AdminFleetExporter>): AdminFleetExporter => ({ ...otel!, ...more })

describe('the fleet of the admin API', () => {
  let site: Site
  let fleet: SimulatedFleet

  const open = async (nodes: readonly AdminFleetNode[]): Promise<void> => {
    fleet = createSimulatedFleet(nodes)
    site = await openSite({ token, fleet })
  }
  const names = async (query: string) => {
    const { nodes } = (await ask(site.url, `/fleet${query}`)).json()
    return nodes.map(({ node }: { node: string }) => node)
  }
  afterEach(() => site.close())

  it('is not there unless there is one', async () => {
    site = await openSite()
    assert.equal((await ask(site.url, '/fleet')).status, 404)
  })

  it('is shown to those who have the token only, and read by nobody else', async () => {
    await open([nodeOf('a')])
    for (const authorization of [null, 'Bearer guess']) {
      const { status, text } = await ask(site.url, '/fleet', { authorization })
      assert.equal(status, 401)
      assert.doesNotMatch(text, /otel/)
    }
    const foreign = await ask(site.url, '/fleet', { headers: { origin: 'https://elsewhere.example' } })
    assert.equal(foreign.status, 403)
    assert.equal((await ask(site.url, '/fleet', { method: 'POST' })).status, 405)
    assert.equal(fleet.reads, 0)
    assert.equal((await ask(site.url, '/fleet')).status, 200)
  })

  it('counts all nodes by their state, and shows the worst first', async () => {
    const status = statusOf('c', { exporters: { otel: exporterOf({ breaker: 'open' }) } })
    await open([
      nodeOf('b'),
      nodeOf('a'),
      nodeOf('c', { status }),
      nodeOf('d', { state: 'refused' }),
      nodeOf('e', { state: 'stopped' }),
      nodeOf('f', { state: 'unreadable', status: undefined }),
    ])
    const { counts, nodes, matching, documents, link } = (await ask(site.url, '/fleet')).json()
    assert.deepEqual(
      nodes.map(({ node }: { node: string }) => node),
      ['d', 'f', 'c', 'a', 'b', 'e'],
    )
    assert.deepEqual(counts, {
      ...{ refused: 1, unreadable: 1, silent: 0, behind: 0, canary: 0, current: 3, stopped: 1 },
      ...{ all: 6, troubled: 1 },
    })
    assert.equal(matching, 6)
    assert.deepEqual([link, documents], [{ state: 'connected' }, fleet.view.documents])
  })

  it('shows of each node its revision, its refusal, its exporters and its ledgers together', async () => {
    const refused = { revision: 7, problems: ['no'], omitted: 2 }
    const exporters = { otel: exporterOf({}), second: exporterOf({ breaker: 'open', lastError: 'away' }) }
    const status = statusOf('a', { revision: 6, refused, exporters })
    await open([nodeOf('a', { state: 'refused', status, heardAt: 1234.5 })])
    const { nodes } = (await ask(site.url, '/fleet')).json()
    const [{ exporters: shown, ...node }] = nodes
    assert.deepEqual(node, {
      ...{ node: 'a', state: 'refused', troubled: true, heardAt: 1235, role: 'node', key: 'config' },
      ...{ version: '1', system: 'running', heartbeatMs: 10_000, revision: 6, cached: false, refused },
      totals: { accepted: 20, delivered: 10, pending: 6, ambiguous: 2, dropped: { queue_full: 4 } },
      ...{ warnings: [], omittedExporters: 0 },
    })
    const common = { type: 'otel', state: 'serving', breakerSince: 1 }
    assert.deepEqual(shown, [
      { id: 'second', ...common, breaker: 'open', lastError: 'away' },
      { id: 'otel', ...common, breaker: 'closed', lastError: 'no answer' },
    ])
  })

  it('is narrowed by name, by state and by number', async () => {
    await open([nodeOf('shop-1'), nodeOf('shop-2', { state: 'silent' }), nodeOf('mail-1')])
    assert.deepEqual(await names('?match=SHOP'), ['shop-2', 'shop-1'])
    assert.deepEqual(await names('?state=silent'), ['shop-2'])
    assert.deepEqual(await names('?match=&state=&limit=1'), ['shop-2'])
    assert.deepEqual(await names('?match=mail&state=silent'), [])
    const { counts, matching } = (await ask(site.url, '/fleet?match=mail')).json()
    assert.deepEqual([counts.all, matching], [3, 1])
  })

  it('refuses questions that mean nothing', async () => {
    await open([])
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'state=well', `match=${'x'.repeat(201)}`]) {
      const { status, json } = await ask(site.url, `/fleet?${query}`)
      assert.equal(status, 400, query)
      assert.equal(json().error.code, 'ADMIN_BAD_REQUEST')
    }
    assert.equal(fleet.reads, 0)
  })

  it('says that the view is old when the store does not answer', async () => {
    await open([nodeOf('a')])
    const error = 'the NATS server is away'
    fleet.view = { ...fleet.view, link: { state: 'away', error }, asOf: 1000 }
    const { status, json } = await ask(site.url, '/fleet')
    assert.equal(status, 200)
    const { link, asOf, now, nodes } = json()
    assert.deepEqual([link, asOf, nodes.length], [{ state: 'away', error }, 1000, 1])
    assert.ok(Math.abs(now - Date.now()) < 60_000)
    fleet.view = { ...fleet.view, asOf: undefined }
    assert.equal((await ask(site.url, '/fleet')).json().asOf, null)
  })

  it('shows 1,000 nodes at most, within 4 MiB, however much they have said', async () => {
    await open(Array.from({ length: 2500 }, (_, i) => nodeOf(`node-${i}`)))
    const many = await ask(site.url, '/fleet')
    assert.equal(many.json().nodes.length, 1000)
    assert.equal(many.json().counts.all, 2500)
    assert.ok(many.text.length < 2 * 1024 * 1024, `${many.text.length} characters`)
    const exporters = Object.fromEntries(
      Array.from({ length: 256 }, (_, i) => [
        `${'e'.repeat(400)}${i}`,
        exporterOf({ lastError: 'x'.repeat(500) }),
      ]),
    )
    const status = statusOf('a', { exporters })
    fleet.view = {
      ...fleet.view,
      nodes: Array.from({ length: 1000 }, (_, i) => nodeOf(`${'n'.repeat(4000)}${i}`, { status })),
    }
    const huge = await ask(site.url, '/fleet')
    assert.ok(huge.text.length < 4.1 * 1024 * 1024, `${huge.text.length} characters`)
    const { nodes, matching } = huge.json()
    assert.equal(matching, 1000)
    assert.deepEqual([nodes[0].node.length, nodes[0].exporters.length], [200, 32])
    assert.equal(nodes[0].omittedExporters, 224)
  })

  it('is closed with the admin API', async () => {
    await open([])
    await site.admin.close()
    assert.equal(fleet.isClosed, true)
  })
})
