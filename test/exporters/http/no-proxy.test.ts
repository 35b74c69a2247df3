// Which destinations go through which proxy: curl's rules, with ports beside them, and never a proxy of the environment
// for loopback.

import assert from 'node:assert/strict'
import { proxyFor } from '../../../src/exporters/http/http.ts'
import { isBypassed } from '../../../src/exporters/http/no-proxy.ts'

const bypassed = (url: string, list: string): boolean => isBypassed(new URL(url), list)

describe('the list of destinations without a proxy', () => {
  const table: readonly (readonly [url: string, list: string, bypassed: boolean])[] = [
    ['http://example.com', '', false],
    ['http://example.com', 'example.com', true],
    ['http://EXAMPLE.com', 'example.COM', true],
    ['http://www.example.com', 'example.com', true],
    ['http://nonexample.com', 'example.com', false],
    ['http://example.com.evil.org', 'example.com', false],
    ['http://example.com', '.example.com', true],
    ['http://www.example.com', '.example.com', true],
    ['http://www.example.com', '*.example.com', true],
    ['http://example.com.', 'example.com', true],
    ['http://example.com', 'example.com.', true],
    ['http://example.com', '*', true],
    ['http://[::1]', '*', true],
    ['http://example.com', 'exam*', false],
    ['http://example.com', 'a.org, example.com', true],
    ['http://example.com', 'a.org example.com', true],
    ['http://example.com', ' , ,, ', false],
    ['http://example.com', '.', false],
    ['http://example.com:8080', 'example.com:8080', true],
    ['http://example.com:8080', 'example.com:80', false],
    ['https://example.com', 'example.com:443', true],
    ['http://example.com', 'example.com:443', false],
    ['http://192.168.0.1', '192.168.0.1', true],
    ['http://192.168.0.1', '192.168.0.2', false],
    ['http://192.168.0.1', '0.1', false],
    ['http://192.168.0.1', '192.168.0.0/16', true],
    ['http://192.169.0.1', '192.168.0.0/16', false],
    ['http://192.168.0.1', '192.168.0.0/33', false],
    ['http://192.168.0.1', '192.168.0.0/x', false],
    ['http://192.168.0.1:81', '192.168.0.0/16:80', false],
    ['http://192.168.0.1:80', '192.168.0.0/16:80', true],
    ['http://10.0.0.1.example.com', '10.0.0.0/8', false],
    ['http://[::1]', '::1', true],
    ['http://[::1]', '[::1]', true],
    ['http://[::1]:81', '[::1]:81', true],
    ['http://[::1]:81', '[::1]:80', false],
    ['http://[fe80::1]', 'fe80::/10', true],
    ['http://[2001:db8:0:0::1]', '2001:db8::1', true],
    ['http://[2001:db8::1]', '10.0.0.0/8', false],
    ['http://[fe80::1]', '[fe80::]/10', true],
    ['http://[fe80::1]', 'fe80::/129', false],
    ['http://[2001:DB8::1]', '2001:db8::1', true],
    ['http://[::ffff:10.1.2.3]', '10.0.0.0/8', false],
    ['http://10.1.2.3', '10.0.0.0/0', true],
    ['http://10.1.2.3', '10.0.0.0/-1', false],
    ['http://10.1.2.3', '.10.1.2.3', false],
    ['http://10.1.2.3', '2.3', false],
    ['http://127.1', '127.0.0.1', true],
    ['http://example.com', '.example.com.', true],
    ['http://example.com', 'com', true],
    ['http://example.com', 'a.org,*', true],
    ['http://example.com', 'a.org;example.com', false],
    ['http://example.com', 'http://example.com', false],
  ]
  for (const [url, list, expected] of table)
    it(`${expected ? 'has' : 'has not'} ${url} in "${list}"`, () => {
      assert.equal(bypassed(url, list), expected)
    })
})

describe('the choice of a proxy', () => {
  const none = { proxy: null, http_proxy: null, https_proxy: null, no_proxy: null }
  const both = { ...none, http_proxy: 'http://plain:1', https_proxy: 'http://secure:2' }

  it('goes by the scheme of the destination', () => {
    assert.equal(proxyFor('http://a.example', both), 'http://plain:1')
    assert.equal(proxyFor('https://a.example', both), 'http://secure:2')
    assert.equal(proxyFor('http://a.example', none), undefined)
  })

  it('prefers the key proxy, also for loopback', () => {
    assert.equal(proxyFor('https://a.example', { ...both, proxy: 'http://own:3' }), 'http://own:3')
    assert.equal(proxyFor('http://127.0.0.1:1', { ...both, proxy: 'http://own:3' }), 'http://own:3')
  })

  it('treats an empty proxy as no proxy', () => {
    assert.equal(proxyFor('https://a.example', { ...both, proxy: '' }), undefined)
  })

  it('leaves loopback alone without that key, so that a local collector needs no NO_PROXY', () => {
    const local = [
      'localhost',
      'LOCALHOST.',
      'a.localhost',
      '127.0.0.1',
      '127.8.8.8',
      '[::1]',
      '0.0.0.0',
      '[::]',
    ]
    for (const host of [...local, '[::ffff:127.0.0.1]'])
      assert.equal(proxyFor(`http://${host}:4318`, both), undefined)
  })

  it('bypasses either kind', () => {
    assert.equal(proxyFor('http://a.example', { ...both, no_proxy: 'example' }), undefined)
    assert.equal(proxyFor('http://a.example', { ...none, proxy: 'http://own:3', no_proxy: '*' }), undefined)
  })
})
