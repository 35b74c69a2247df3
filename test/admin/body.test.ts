// Guards the limits of a request's body: its keys are counted as its bytes are, before anything is done with them.
import assert from 'node:assert/strict'
import { ask, openSite, type Site, token } from './site.ts'

const keys = (count: number, value: unknown): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`key_${i}`, value]))

describe('a body of the admin API', () => {
  let site: Site
  before(async () => {
    site = await openSite({ token })
  })
  after(() => site.close())

  const patch = (body: unknown) =>
    ask(site.url, '/config', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })

  for (const [what, body] of Object.entries<unknown>({
    '1,001 keys': keys(1001, 1),
    '1,001 keys in inner objects': { 'mock.headers': keys(500, { a: 1 }) },
    '1,001 keys in a list of objects': {
      'mock.event_patterns': Array.from({ length: 1001 }, () => ({ a: 1 })),
    },
  })) {
    it(`with ${what} is refused`, async () => {
      const reply = await patch(body)
      assert.equal(reply.status, 413)
      assert.equal(reply.json().error.code, 'ADMIN_BODY_TOO_LARGE')
      assert.match(reply.json().error.message, /at most 1000 keys/)
    })
  }

  it('that is as deep as it is long is answered', async () => {
    const deep = 30_000
    assert.equal((await patch(`{"mock.event_patterns":${'['.repeat(deep)}${']'.repeat(deep)}}`)).status, 422)
    assert.equal((await patch(`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`)).status, 413)
  })

  it('with many problems is answered with 20 of them, and with how many more there are', async () => {
    const reply = await patch({ mock: keys(990, 1) })
    assert.equal(reply.status, 422)
    assert.equal(reply.json().problems.length, 20)
    assert.match(reply.json().error.message, /and 970 more problems$/)
    assert.ok(reply.text.length < 64 * 1024, String(reply.text.length))
    const { rejected } = site.telemetry.status().config
    assert.equal(rejected?.problems.length, 20)
    assert.equal(rejected?.omitted, 970)
  })
})
