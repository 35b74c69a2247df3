/** What is packed for the spool comes back as it was: the same items in the same order, with their resource. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ErrorSnapshot } from '../../src/bus/event.ts'
import { EventRecord, shownEvent } from '../../src/bus/snapshot.ts'
import { metricItem } from '../../src/exporters/datadog/item.ts'
import * as datadogPacking from '../../src/exporters/datadog/packing.ts'
import { packEvents, unpackEvents } from '../../src/exporters/event-packing.ts'
import { defineExporter } from '../../src/exporters/exporter.ts'
import { createEncoder } from '../../src/exporters/otel/encode/encode.ts'
import { createSpanSlabs } from '../../src/exporters/otel/encode/span-slabs.ts'
import { itemsOfRequest } from '../../src/exporters/otel/restored-item.ts'
import type { SpanItem } from '../../src/exporters/otel/span-item.ts'
import { decodeTraceRequest } from '../../src/testing/otlp-decode.ts'
import { spanRecord } from '../exporters/otel/span-arbitraries.ts'

const originOf = (service: string) => ({
  resource: { attributes: { 'service.name': service } },
  scope: { name: 'test', version: '1' },
})

describe('spans that are packed', () => {
  const encoder = createEncoder(originOf('first'))
  const later = createEncoder(originOf('second'))

  it('come back in their order, and are sent as they would have been sent', () => {
    const slabs = createSpanSlabs()
    fc.assert(
      fc.property(fc.array(spanRecord, { minLength: 1, maxLength: 20 }), (spans) => {
        const encoded = spans.map((span) => slabs.encode(span))
        const packed = Buffer.from(encoder.pack(encoded))
        const items = itemsOfRequest(packed)
        assert.equal(items.length, spans.length)
        for (const [i, { bytes, start, end }] of items.entries()) {
          const { bytes: before, start: from, end: to } = encoded[i]!
          assert.ok(bytes.subarray(start, end).equals(before.subarray(from, to)))
        }
        assert.ok(Buffer.from(later.encode(items)).equals(Buffer.from(encoder.encode(encoded))))
      }),
    )
  })

  it('keep the resource of the process that made them, beside spans of the one that sends them', () => {
    const span = fc.sample(spanRecord, 1)[0]!
    const old = itemsOfRequest(Buffer.from(encoder.pack([span])))
    const mixed: SpanItem[] = [span, ...old, span, ...old]
    const again = itemsOfRequest(Buffer.from(later.pack(mixed)))
    const services = again.map(({ resource }) => (resource.bytes.includes('first') ? 'first' : 'second'))
    assert.deepEqual(services, ['second', 'first', 'second', 'first'])
    assert.ok(decodeTraceRequest(later.encode(mixed)))
  })

  it('are refused where they are anything else', () => {
    for (const bytes of [
      Buffer.from('junk'),
      Buffer.of(0x0a, 0x05, 1),
      Buffer.of(0x08, 1),
      Buffer.alloc(9, 255),
    ])
      assert.throws(() => itemsOfRequest(bytes), RangeError)
  })
})

describe('items of other exporters', () => {
  it('of datadog come back with what became of their parts', () => {
    const series = { metric: 'a.count', type: 'count', value: 3 } as const
    const item = metricItem({
      ...{ tags: ['team:core'], timestamp: 1_700_000_000, interval: 10, weight: 3 },
      ...{ series, distribution: { metric: 'a.duration_ms', values: [1, 2.5] } },
    })
    item.arrived.series = true
    const [again] = datadogPacking.unpackItems(Buffer.from(datadogPacking.packItems([item])))
    assert.deepEqual(again, item)
  })

  it('that are events come back with every value that metadata can have', () => {
    const fields = [
      'count',
      Number.NaN,
      'ms',
      -0,
      'error',
      new ErrorSnapshot('E', 'm', 's'),
      'list',
      [1, null, 'x'],
      'nested',
      { error: new ErrorSnapshot('E', 'm', undefined), 'telemachine error': 'one of the program' },
    ]
    const event = shownEvent(new EventRecord('a.b', 1.5, fields, 4, undefined, 'caller'))
    const [again] = unpackEvents(packEvents([event]))
    assert.deepEqual(again!.fields, event.fields)
    assert.deepEqual([again!.name, again!.time, again!.metadata], [event.name, event.time, event.metadata])
  })

  it('need both pack and unpack', () => {
    const shape = { type: 'half', schema: {}, open: () => ({}), close: () => {} }
    assert.throws(
      () => defineExporter({ ...shape, pack: () => new Uint8Array() }),
      /pack and unpack belong together/,
    )
    assert.throws(() => defineExporter({ ...shape, packVersion: 1.5 }), /packVersion must be a whole number/)
  })
})
