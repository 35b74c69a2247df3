// Guards stored credentials: they never go to a host that someone merely named through the admin API or a remote
// store, in one step or in several; and nobody out there may point at link-local addresses or at files.
import assert from 'node:assert/strict'
import { isAllowedDestination, isForbiddenAddress } from '../../src/config/destinations.ts'
import { createStore } from './fake.ts'

const endpoint = 'https://own.example:4318/v1/traces'

async function started(init: Record<string, unknown> = {}, otel: Record<string, unknown> = {}) {
  const { store } = createStore({
    init: { ...init, otel: { endpoint, headers: { authorization: 'Bearer stored' }, ...otel } },
  })
  await store.start()
  return store
}

const refused = { code: 'CONFIG_DESTINATION' }

describe('destinations from outside', () => {
  for (const source of ['admin', 'remote'] as const) {
    it(`must bring their credentials when ${source} names them`, async () => {
      const store = await started()
      await assert.rejects(store.putFrom(source, { 'otel.endpoint': 'https://evil.example/' }), refused)
      await assert.rejects(
        store.putFrom(source, { 'otel.endpoint': 'http://own.example:4318/v1/traces' }),
        refused,
      )
      await assert.rejects(
        store.putFrom(source, { 'otel.endpoint': 'https://own.example:4319/v1/traces' }),
        refused,
      )
      assert.equal(store.get('otel.endpoint'), endpoint)
      await store.putFrom(source, { 'otel.endpoint': 'https://own.example:4318/other' })
      await store.putFrom(source, {
        'otel.endpoint': 'https://new.example/',
        'otel.headers': { authorization: 'Bearer new' },
      })
      assert.equal(store.get('otel.endpoint'), 'https://new.example/')
      assert.equal(store.exporters().get('otel')?.guarded, true)
      await store.stop()
    })
  }

  it('get no stored credentials in two steps either', async () => {
    const store = await started({}, { api_key: 'stored-key' })
    const both = { 'otel.headers': { a: 'mine' }, 'otel.api_key': 'mine' }
    await store.putFrom('admin', { 'otel.endpoint': 'https://evil.example/', ...both })
    await assert.rejects(store.unsetFrom('admin', 'otel.headers'), refused)
    await assert.rejects(store.unsetFrom('admin', 'otel.api_key'), refused)
    await assert.rejects(store.put('otel.api_key', 'rotated by the program'), refused)
    await assert.rejects(store.putFrom('admin', { 'otel.endpoint': 'https://other.example/' }), refused)
    await store.unsetFrom('admin', ['otel.endpoint', 'otel.headers', 'otel.api_key'])
    assert.equal(store.get('otel.endpoint'), endpoint)
    await store.stop()
  })

  it('get no credentials that a remote source brought for another, once nothing hides those any more', async () => {
    const { store } = createStore({
      init: { otel: { endpoint } },
      remote: [{ load: () => ({ otel: { headers: { authorization: 'Bearer of the store' } } }) }],
    })
    await store.put('otel.headers', { authorization: 'Bearer that hides it' })
    await store.start()
    await store.putFrom('admin', {
      'otel.endpoint': 'https://evil.example/',
      'otel.headers': { authorization: 'mine' },
    })
    await assert.rejects(store.unsetFrom('admin', 'otel.headers'), refused)
    await store.unsetFrom('admin', ['otel.endpoint', 'otel.headers'])
    assert.deepEqual(store.exporters().get('otel')?.config.headers, { authorization: 'Bearer of the store' })
    await store.stop()
  })

  it('get no headers of the environment through a new exporter', async () => {
    const { store } = createStore({ env: { TELEMETRY_API_KEY: 'stored-key' }, init: {} })
    await store.start()
    await assert.rejects(store.putFrom('admin', { otel: { endpoint: 'https://evil.example/' } }), refused)
    await store.putFrom('admin', { otel: { endpoint: 'https://new.example/', api_key: 'its own' } })
    await store.stop()
  })

  it('may be named freely when they are allowed', async () => {
    const store = await started({
      allowed_destinations: ['*.good.example', 'https://one.example:444', '169.254.1.1'],
    })
    for (const url of [
      'https://a.good.example/',
      'http://b.good.example:1/x',
      'https://one.example:444/y',
      'http://169.254.1.1/',
    ]) {
      await store.putFrom('admin', { 'otel.endpoint': url })
      assert.equal(store.exporters().get('otel')?.guarded, false)
    }
    for (const url of [
      'https://good.example/',
      'https://b.c.good.example/',
      'https://a.good.example.evil/',
      'https://one.example/',
      'http://one.example:444/',
    ]) {
      await assert.rejects(store.putFrom('admin', { 'otel.endpoint': url }), refused)
    }
    for (const source of ['admin', 'remote'] as const)
      for (const path of ['allowed_destinations', 'telemetry.max_exporters', 'telemetry'])
        await assert.rejects(store.unsetFrom(source, ['otel.batch_size', path]), { code: 'CONFIG_FORBIDDEN' })
    await assert.rejects(store.putFrom('admin', { allowed_destinations: ['*'] }), {
      code: 'CONFIG_FORBIDDEN',
    })
    await assert.rejects(store.putFrom('admin', { telemetry: { allowed_destinations: ['*'] } }), {
      code: 'CONFIG_FORBIDDEN',
    })
    await store.stop()
  })

  it('may not be link-local or of a metadata service', async () => {
    const store = await started({}, { headers: {} })
    for (const host of [
      '169.254.169.254',
      '2852039166',
      '0xa9.254.0xa9fe',
      '[fe80::1]',
      '[::ffff:169.254.169.254]',
      '[fd00:ec2::254]',
      'metadata.google.internal',
      'METADATA.google.internal.',
      '100.100.100.200',
      '[2002:a9fe:a9fe::1]',
      '[64:ff9b:1::a9fe:a9fe]',
      '[2001:db8::5efe:169.254.169.254]',
    ]) {
      await assert.rejects(store.putFrom('admin', { 'otel.endpoint': `http://${host}/` }), refused, host)
    }
    await store.put('otel.endpoint', 'http://169.254.169.254/')
    await store.stop()
  })

  it('may not be such an address in a key that is only a host, however it is written', async () => {
    const { store } = createStore({ init: { page: {} } })
    await store.start()
    for (const host of [
      '169.254.169.254',
      '2852039166',
      '0xa9fea9fe',
      '0251.254.43518',
      '169.254.43518',
      'fe80::1',
      '2002:a9fe:a9fe::',
      'Metadata.Google.Internal.',
    ]) {
      await assert.rejects(store.putFrom('admin', { 'page.host': host }), refused, host)
    }
    for (const host of ['0.0.0.0', '::1', 'collector', '10.0.0.1'])
      await store.putFrom('admin', { 'page.host': host })
    await store.stop()
  })

  it('may not be files at all', async () => {
    const store = await started()
    await assert.rejects(store.putFrom('admin', { 'otel.certificate': '/etc/passwd' }), {
      code: 'CONFIG_FORBIDDEN',
    })
    await store.put('otel.certificate', '/etc/own.pem')
    await store.stop()
  })

  it('are held to the same rules as documents of a remote source', async () => {
    let tell: (document: Record<string, unknown>) => void = () => {}
    const { store } = createStore({
      init: { otel: { endpoint, api_key: 'stored' } },
      remote: [
        {
          load: () => ({ otel: { endpoint: 'https://evil.example/' } }),
          watch: (heard) => {
            tell = heard
            return () => {}
          },
        },
      ],
    })
    await store.start()
    assert.equal(store.get('otel.endpoint'), endpoint)
    assert.equal(store.status().rejected?.source, 'remote')
    const applied = new Promise<void>((resolve) =>
      store.onSettled(({ type }) => type === 'applied' && resolve()),
    )
    tell({ otel: { endpoint: 'https://new.example/', api_key: 'new' } })
    await applied
    assert.equal(store.get('otel.endpoint'), 'https://new.example/')
    await store.stop()
  })
})

describe('an address', () => {
  it('is forbidden when it is link-local or of a metadata service, however it is spelt', () => {
    for (const ip of [
      '169.254.0.1',
      '169.254.169.254',
      'fe80::1',
      'fe80::1%eth0',
      'febf::1',
      '::ffff:169.254.1.1',
      '::ffff:a9fe:a9fe',
      '64:ff9b::a9fe:a9fe',
      '::a9fe:a9fe',
      'fd00:ec2::254',
      '0:0:0:0:0:ffff:a9fe:0101',
      '168.63.129.16',
      '[fe80::1]',
      // Translated by SIIT and by NAT64, with each length of its prefix
      '::ffff:0:a9fe:a9fe',
      '64:ff9b:1::a9fe:a9fe',
      '64:ff9b:1:2:3:4:169.254.169.254',
      '64:ff9b:1:a9fe:a9:fe00::',
      '64:ff9b:1:77a9:fe:a9fe::',
      '64:ff9b:1:7777:a9:fea9:fe00::',
      // 6to4
      '2002:a9fe:a9fe::',
      '2002:a9fe:0101:5:6:7:8:9',
      '2002:6464:64c8::1',
      // Teredo: server and client
      '2001:0:a9fe:a9fe::1',
      '2001:0:4136:e378:8000:63bf:5601:5601',
      // ISATAP
      '2001:db8::5efe:169.254.169.254',
      '2001:db8::200:5efe:a9fe:a9fe',
      'fd00::5efe:a83f:8110',
    ]) {
      assert.equal(isForbiddenAddress(ip), true, ip)
    }
    for (const ip of [
      '127.0.0.1',
      '10.0.0.1',
      '::1',
      '::',
      '2001:db8::1',
      '169.253.1.1',
      '::ffff:10.0.0.1',
      'fec0::1',
      '64:ff9b::10.0.0.1',
      '64:ff9b:2::a9fe:a9fe',
      '64:ff9b:1::10.0.0.1',
      '2002:a00:1::a9fe:a9fe',
      '2001:0:4136:e378:8000:63bf:3fff:fdd2',
      '2001:1::5601:5601',
      '2001:db8::5efe:10.0.0.1',
      'nonsense',
      '',
    ]) {
      assert.equal(isForbiddenAddress(ip), false, ip)
    }
  })

  it('matches an allowed host only as a whole', () => {
    assert.equal(isAllowedDestination('https://a.b/', ['a.b']), true)
    assert.equal(isAllowedDestination('https://a.b:99/', ['a.b:99']), true)
    assert.equal(isAllowedDestination('https://a.b:99/', ['https://a.b']), false)
    assert.equal(isAllowedDestination('https://xa.b/', ['a.b']), false)
    assert.equal(isAllowedDestination('https://a.b/', ['https://A.B:443']), true)
    assert.equal(isAllowedDestination('nonsense', ['*']), false)
  })

  const allowed: readonly (readonly [glob: string, yes: readonly string[], no: readonly string[]])[] = [
    [
      '127.0.0.*',
      ['http://127.0.0.1/', 'https://127.0.0.255:9/'],
      ['http://127.0.0.evil.com/', 'http://127.0.0.evil/', 'http://127.0.1.1/'],
    ],
    ['10.*', [], ['http://10.evil.com/', 'http://10.1.2.3/', 'http://10.evil/']],
    ['10.*.*.*', ['http://10.1.2.3/', 'http://167838211/'], ['http://10.1.2.evil/', 'http://11.1.2.3/']],
    ['1?.0.0.[1-3]', ['http://10.0.0.2/'], ['http://1a.0.0.2.evil/', 'http://10.0.0.4/']],
    [
      '*.example.com',
      ['http://a.example.com/', 'http://A.Example.COM:1/'],
      ['http://a.b.example.com/', 'http://example.com/', 'http://a.example.com.evil/'],
    ],
    [
      '*-eu.*.example.com',
      ['http://a-eu.b.example.com/'],
      ['http://a-eu.example.com/', 'http://a-eu.b.c.example.com/'],
    ],
    ['*.*.*.*', ['http://a.b.c.d/'], ['http://127.0.0.1/', 'http://a.b.c/']],
    [
      '*',
      ['http://localhost/', 'http://collector:4318/'],
      ['http://a.b/', 'http://10.0.0.1/', 'http://[::1]/'],
    ],
    [
      '*.b:443',
      ['https://a.b/', 'http://a.b:443/'],
      ['http://a.b/', 'https://a.b:444/', 'https://a.b.c:443/'],
    ],
    ['a.b:43*', ['http://a.b:4318/', 'http://a.b:43/'], ['http://a.b/', 'http://a.b:1/']],
    [
      '[::1]:4318',
      ['http://[::1]:4318/', 'http://[0:0:0:0:0:0:0:1]:4318/'],
      ['http://[::1]/', 'http://[::2]:4318/'],
    ],
    [
      'fd00:1::*',
      ['http://[fd00:1::abcd]/'],
      ['http://[fd00:2::1]/', 'http://[fd00:1::1:1]/', 'http://fd00.1/'],
    ],
    ['::1', ['http://[::1]/'], ['http://[::1:1]/', 'http://localhost/']],
  ]
  for (const [pattern, yes, no] of allowed) {
    it(`matches the glob ${pattern} label by label, and an address only if it is one`, () => {
      for (const url of yes) assert.equal(isAllowedDestination(url, [pattern]), true, url)
      for (const url of no) assert.equal(isAllowedDestination(url, [pattern]), false, url)
    })
  }
})
