// Guards a list of endpoints: which of `endpoint` and `endpoints` counts, and that stored credentials go to no member of a
// list that an untrusted source named.
import assert from 'node:assert/strict'
import { createSystemClock } from '../../src/clock.ts'
import { createConfigStore } from '../../src/config/store.ts'
import { otel } from '../../src/exporters/otel/index.ts'
import { createTelemetry } from '../../src/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const one = 'https://one.example/v1/traces'
const two = 'https://two.example/v1/traces'
const evil = 'https://evil.example/v1/traces'
const stored = { authorization: 'Bearer stored' }

function storeOf(
  init: Record<string, unknown>,
  more: { env?: Record<string, string>; system?: object } = {},
) {
  return createConfigStore({
    types: [otel()],
    env: more.env ?? {},
    init: { ...more.system, otel: init },
    clock: createSystemClock(),
    logger: quietLogger,
    apply: async () => {},
  })
}

async function started(init: Record<string, unknown>, more: Parameters<typeof storeOf>[1] = {}) {
  const store = storeOf(init, more)
  await store.start()
  return store
}

const inForce = (store: Awaited<ReturnType<typeof started>>) => [
  store.get('otel.endpoint'),
  store.get('otel.endpoints', null),
]

describe('endpoints', () => {
  it('make endpoint the first of them', async () => {
    const store = await started({ endpoints: [one, two] })
    assert.deepEqual(inForce(store), [one, [one, two]])
    const explained = store.explain().find(({ path }) => path === 'telemetry.otel.endpoint')
    assert.deepEqual([explained?.value, explained?.layer], [one, 'init'])
  })

  it('are refused beside endpoint in the same source, by name', async () => {
    await assert.rejects(storeOf({ endpoint: one, endpoints: [one, two] }).start(), (error: Error) => {
      assert.match(error.message, /telemetry\.otel\.endpoints .*is given beside telemetry\.otel\.endpoint/)
      return true
    })
    const store = await started({})
    await store.put('otel.endpoint', one)
    await assert.rejects(store.put('otel.endpoints', [one, two]), { code: 'CONFIG_INVALID_VALUE' })
    assert.deepEqual(inForce(store), [one, null])
  })

  it('win over endpoint of a weaker layer, and lose to that of a stronger one', async () => {
    const store = await started({ endpoint: one }, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' } })
    await store.put('otel.endpoints', [two, one])
    assert.deepEqual(inForce(store), [two, [two, one]])
    await store.unset('otel.endpoints')
    assert.deepEqual(inForce(store), [one, null])
    const other = await started({ endpoints: [one, two] }, { env: { TELEMETRY_ENDPOINT: 'http://x/' } })
    assert.deepEqual(inForce(other), [one, [one, two]])
    await other.put('otel.endpoint', two)
    assert.deepEqual(inForce(other), [two, null])
  })

  it('come from a variable, separated by commas', async () => {
    const store = await started({}, { env: { TELEMETRY_OTEL_ENDPOINTS: `${one}, ${two}` } })
    assert.deepEqual(inForce(store), [one, [one, two]])
  })

  for (const [what, endpoints] of [
    ['no URL', []],
    ['a URL twice', [one, `${one}#`.slice(0, -1)]],
    ['an invalid URL', [one, 'ftp://backup']],
    ['a URL with credentials', ['https://me:secret@one.example/']],
    ['nine URLs', Array.from({ length: 9 }, (_, i) => `https://${i}.example/`)],
    ['a string', one],
  ] as const)
    it(`are refused with ${what}`, async () => {
      await assert.rejects(storeOf({ endpoints }).start(), /telemetry\.otel\.endpoints/)
    })

  it('warn of a member that speaks another protocol', async () => {
    const store = await started({ endpoints: [one, 'http://collector:4317'] })
    assert.match(store.status().warnings.join(), /OTLP over gRPC/)
  })

  describe('from an untrusted source', () => {
    const refused = { code: 'CONFIG_DESTINATION' }

    for (const source of ['admin', 'remote'] as const)
      it(`bring credentials for each member that is foreign, when ${source} names them`, async () => {
        const store = await started({ endpoint: one, headers: stored })
        for (const endpoints of [[evil], [one, evil], [evil, one]])
          await assert.rejects(store.putFrom(source, { 'otel.endpoints': endpoints }), refused)
        await store.putFrom(source, { 'otel.endpoints': [one, 'https://one.example/other'] })
        await store.putFrom(source, {
          'otel.endpoints': [one, evil],
          'otel.headers': { authorization: 'Bearer brought' },
        })
        assert.equal(store.exporters().get('otel')?.guarded, true)
        await assert.rejects(store.unsetFrom(source, 'otel.headers'), refused)
      })

    it('may be those of a trusted list, in any order, and those that are allowed', async () => {
      const store = await started(
        { endpoints: [one, two], headers: stored },
        { system: { allowed_destinations: ['*.friend.example'] } },
      )
      await store.putFrom('admin', { 'otel.endpoints': [two, one] })
      await store.putFrom('admin', { 'otel.endpoints': ['https://a.friend.example/', one] })
      await store.unsetFrom('admin', 'otel.endpoints')
      await store.putFrom('admin', { 'otel.endpoint': two })
    })

    it('do not uncover an endpoint that no operator chose, by taking the list away', async () => {
      const store = await started({ endpoints: [one, two], headers: stored })
      await assert.rejects(store.putFrom('admin', { 'otel.endpoints': null }), refused)
    })

    it('may not be link-local addresses', async () => {
      const store = await started({ endpoint: one })
      await assert.rejects(
        store.putFrom('admin', { 'otel.endpoints': [one, 'http://169.254.169.254/'] }),
        refused,
      )
    })
  })

  it('are shown without their queries', async () => {
    const telemetry = createTelemetry({
      config: { env: {}, init: { otel: { enabled: false, endpoints: [`${one}?key=c4nary`, two] } } },
      logger: quietLogger,
      drainOnExit: false,
    })
    await telemetry.start()
    const shown = JSON.stringify([
      telemetry.status(),
      telemetry.config.explain(),
      telemetry.config.get('otel'),
    ])
    await telemetry.stop()
    assert.doesNotMatch(shown, /c4nary/)
    assert.match(shown, /two\.example/)
  })
})
