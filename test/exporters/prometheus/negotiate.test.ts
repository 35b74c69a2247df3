/** Content negotiation: OpenMetrics and gzip are given to those who ask for them, by the rules of RFC 9110. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatFor, wantsGzip } from '../../../src/exporters/prometheus/page/negotiate.ts'

const prometheusAsks =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'

describe('prometheus: negotiation', () => {
  for (const [accept, format] of [
    [undefined, 'text'],
    ['', 'text'],
    ['*/*', 'text'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'text'],
    ['text/plain', 'text'],
    ['application/openmetrics-text', 'openmetrics'],
    ['application/openmetrics-text; version="1.0.0"; charset=utf-8', 'openmetrics'],
    ['APPLICATION/OpenMetrics-Text;Version=1.0.0;Q=0.2', 'openmetrics'],
    [prometheusAsks, 'openmetrics'],
    ['application/openmetrics-text;q=0.5, text/plain;q=0.9', 'text'],
    ['application/openmetrics-text;q=0, */*', 'text'],
    ['application/openmetrics-text;version=2.0.0', 'text'],
    ['application/openmetrics-text;q=banana', 'text'],
    ['application/openmetrics-texts', 'text'],
    ['image/png', 'text'],
  ] as const) {
    it(`answers ${JSON.stringify(accept)} with ${format}`, () => {
      assert.equal(formatFor(accept), format)
    })
  }

  for (const [encoding, gzip] of [
    [undefined, false],
    ['gzip', true],
    ['deflate, GZIP;q=0.5', true],
    ['x-gzip', true],
    ['gzip;q=0', false],
    ['gzip;q=0.000', false],
    ['identity, gzip;q=0.5', false],
    ['br', false],
    ['*', false],
    ['gzip;q=2', false],
  ] as const) {
    it(`${gzip ? 'compresses' : 'does not compress'} for ${JSON.stringify(encoding)}`, () => {
      assert.equal(wantsGzip(encoding), gzip)
    })
  }

  it('is total', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aq;=,/*".01 gzip\t') }), (header) => {
        assert.match(formatFor(header), /text|openmetrics/)
        assert.equal(typeof wantsGzip(header), 'boolean')
      }),
    )
  })
})
