// Spans that wait take about the memory that their bytes take, whichever of their neighbours have left, and what finds
// no room is not kept.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import { bytesOf } from '../../../src/bus/snapshot.ts'
import { createSystemClock } from '../../../src/clock.ts'
import type { ExportContext } from '../../../src/exporters/exporter.ts'
import type { OtelClient } from '../../../src/exporters/otel/client.ts'
import { decodeSpan } from '../../../src/exporters/otel/decode.ts'
import { createEncoder } from '../../../src/exporters/otel/encode/encode.ts'
import { compact } from '../../../src/exporters/otel/encode/slabs.ts'
import { createSpanSlabs } from '../../../src/exporters/otel/encode/span-slabs.ts'
import type { EncodedItem } from '../../../src/exporters/otel/encoded-item.ts'
import { otel } from '../../../src/exporters/otel/index.ts'
import { createSpanState, ingestSpanEvent, type SpanState } from '../../../src/exporters/otel/ingest.ts'
import type { OtelConfig } from '../../../src/exporters/otel/schema.ts'
import { SdkSpanEvent } from '../../../src/exporters/otel/sdk-span.ts'
import type { Outcome } from '../../../src/exporters/outcome.ts'
import { quietLogger } from '../../support/quiet-logger.ts'
import { driveSpans, eventOf, otelConfig } from './driven-spans.ts'
import { toReadableSpans } from './readable-span.ts'
import { plainSpan } from './span-arbitraries.ts'

const sizeOf = (spans: readonly EncodedItem[]): number =>
  spans.reduce((sum, { start, end }) => sum + end - start, 0)

/** What the spans keep in memory: each buffer once. */
const heldBy = (spans: readonly EncodedItem[]): number =>
  [...new Set(spans.map(({ bytes }) => bytes.buffer))].reduce((sum, buffer) => sum + buffer.byteLength, 0)

const spansOf = (count: number, textOf: (i: number) => string = () => 'x'): EncodedItem[] => {
  const slabs = createSpanSlabs()
  return Array.from({ length: count }, (_, i) =>
    slabs.encode(plainSpan({ name: `span ${i}`, attributes: ['k', textOf(i)] })),
  )
}

describe('spans that wait', () => {
  const definition = otel()
  const context: ExportContext<SpanState, OtelConfig> = {
    id: 'otel',
    clock: createSystemClock(),
    logger: quietLogger,
    state: createSpanState(),
    signal: new AbortController().signal,
    config: otelConfig(),
    deadline: Number.POSITIVE_INFINITY,
  }
  const answering = (answer: () => Promise<Outcome>): OtelClient => ({
    export: answer,
    requestBytes: 0,
    encoder: createEncoder({ resource: { attributes: {} }, scope: { name: 'test' } }),
    close: async () => {},
  })
  const attempt = (batch: readonly EncodedItem[], answer: () => Promise<Outcome>) =>
    definition.export!(answering(answer), batch, context)

  it('after failures keep no more than their bytes and a slab, however few of a slab are left', async () => {
    const retry: Outcome = { type: 'retry', cause: new Error('down') }
    for (const [batchSize, kept] of [
      [512, 3],
      [10, 20],
      [1, 50],
    ] as const) {
      const spans = spansOf(20_000)
      const left: EncodedItem[] = []
      for (let i = 0; i < spans.length; i += batchSize) {
        const batch = spans.slice(i, i + batchSize)
        const fails = (i / batchSize) % kept === 0
        await attempt(batch, async () => (fails ? retry : { type: 'delivered' }))
        if (fails) left.push(...batch)
      }
      assert.ok(left.length > 100 && left.length < spans.length / 2)
      const [held, size] = [heldBy(left), sizeOf(left)]
      assert.ok(
        held <= size * 1.1 + 32 * 1024,
        `${held} bytes held by spans of ${size}, in batches of ${batchSize}`,
      )
      for (const span of left) assert.match(decodeSpan(span).name, /^span \d+$/)
    }
  })

  it('of a batch that is split again and again keep no more than their bytes', async () => {
    let batch = spansOf(512, (i) => 'y'.repeat(i % 7 === 0 ? 5000 : 10))
    while (batch.length > 1) {
      await attempt(batch, async () => ({ type: 'too_large' }))
      assert.ok(heldBy(batch) <= sizeOf(batch))
      batch = batch.slice(0, Math.ceil(batch.length / 2))
    }
  })

  it('are compacted also when the attempt throws, and not when they are settled', async () => {
    const thrown = spansOf(10)
    await assert.rejects(
      attempt(thrown, () => Promise.reject(new Error('no'))),
      /no/,
    )
    assert.equal(heldBy(thrown), sizeOf(thrown))
    const settled = spansOf(10)
    const [{ bytes }] = settled as [EncodedItem]
    await attempt(settled, async () => ({ type: 'refused', cause: new Error('no') }))
    assert.equal(settled[0]!.bytes, bytes)
  })

  it('say the same after they were moved, any number of times', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 4000 }), { minLength: 1, maxLength: 60 }),
        fc.array(fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }), { maxLength: 4 }),
        (lengths, rounds) => {
          const spans = spansOf(lengths.length, (i) => 'x'.repeat(lengths[i]!))
          for (const round of rounds) compact(spans.filter((_, i) => round[i]))
          for (const [i, span] of spans.entries()) {
            const { name, attributes } = decodeSpan(span)
            assert.deepEqual([name, (attributes[1] as string).length], [`span ${i}`, lengths[i]])
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  it('that are bigger than a slab have memory of exactly their size, and waste none of the slab', () => {
    const otel = driveSpans()
    const { state, slabs } = { state: otel.state, slabs: otel.state.slabs }
    const encoded: EncodedItem[] = []
    const sink = {
      state,
      config: otelConfig(),
      now: 0,
      monotonic: 0,
      item: (item: unknown) => encoded.push(item as EncodedItem) > 0,
      hold: () => true,
      drop: () => {},
    }
    for (let i = 0; i < 300; i++) {
      const text = 'x'.repeat(i % 3 === 0 ? 100_000 : 10)
      ingestSpanEvent(eventOf('job.start', {}, { correlation_id: i, text }, 1), sink)
      ingestSpanEvent(eventOf('job.success', {}, { correlation_id: i }, 2), sink)
    }
    const big = encoded.filter(({ start, end }) => end - start > 2048)
    assert.equal(big.length, 100)
    for (const { bytes, start, end } of big)
      assert.deepEqual([start, end, bytes.buffer.byteLength], [0, bytes.length, bytes.length])
    const small = encoded.filter((span) => !big.includes(span))
    assert.ok(heldBy(small) <= sizeOf(small) + 32 * 1024)
    assert.ok(slabs)
  })
})

describe('a start that finds no room', () => {
  it('is not kept: its end has no start, and its id no group', () => {
    const otel = driveSpans()
    otel.full = true
    otel.emit('job.start', { correlation_id: 1 })
    assert.deepEqual([otel.state.open.size, otel.state.open.ids, otel.held], [0, 0, 0])
    otel.full = false
    otel.emit('job.success', { correlation_id: 1 })
    assert.deepEqual(otel.dropped, { queue_full: 1, unmatched_end: 1 })
    otel.emit('job.start', { correlation_id: 1 })
    otel.emit('job.success', { correlation_id: 1 })
    assert.equal(otel.items.length, 1)
  })

  it('leaves an equal one that is open as it was', () => {
    const otel = driveSpans()
    otel.emit('job.start', { correlation_id: 1, attempt: 1 })
    otel.full = true
    otel.emit('job.start', { correlation_id: 1, attempt: 2 })
    otel.full = false
    otel.emit('job.success', { correlation_id: 1 })
    assert.equal(otel.span('job').attributes.attempt, 1)
    assert.deepEqual(otel.dropped, { queue_full: 1 })
  })

  it('is said to take about the memory that it takes', () => {
    const otel = driveSpans()
    otel.emit('job.start', { correlation_id: 1 })
    otel.emit('big.start', { correlation_id: 1, text: 'x'.repeat(10_000) })
    const [small, big] = otel.heldBytes
    assert.ok(small! > 300 && small! < 2000, `${small}`)
    assert.ok(big! - small! > 10_000 && big! - small! < 11_000)
  })
})

describe('a finished span of an SDK', () => {
  it('says its bytes before it is an item', () => {
    const origin = { resource: { attributes: {} }, scope: { name: 'sdk' } }
    const [small, big] = [10, 100_000].map((length) => {
      const [span] = toReadableSpans([plainSpan({ attributes: ['k', 'x'.repeat(length)] })], origin)
      return bytesOf(new SdkSpanEvent(span!, 0))
    })
    assert.ok(small! < 2000)
    assert.equal(big! - small!, 100_000 - 10)
  })
})
