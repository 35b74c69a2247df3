// A request stays below its limit because the size of a span is never underestimated, nor much overestimated when large.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createEncoder } from '../../../src/exporters/otel/encode/encode.ts'
import { sizeOfSpan } from '../../../src/exporters/otel/spans/size.ts'
import { plainSpan, spanRecord } from './span-arbitraries.ts'

const encoder = createEncoder({
  resource: { attributes: { 'service.name': 'shop' } },
  scope: { name: 'telemachine' },
})

describe('the size of a span', () => {
  it('is never below what the encoder writes', () => {
    fc.assert(
      fc.property(fc.array(spanRecord, { maxLength: 3 }), (records) => {
        const bound = records.reduce((sum, record) => sum + sizeOfSpan(record), encoder.overheadBytes)
        assert(encoder.encode(records).length <= bound)
      }),
    )
  })

  it('is close for a large span', () => {
    for (const text of ['x', 'é', '漢', '😀']) {
      const record = plainSpan({
        attributes: ['a', text.repeat(500_000), 'b', Array(100).fill(text.repeat(999))],
      })
      const written = encoder.encode([record]).length
      assert(sizeOfSpan(record) >= written - encoder.overheadBytes)
      assert(sizeOfSpan(record) < written * 1.01)
    }
  })
})
