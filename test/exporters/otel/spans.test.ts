// How two events become one span: names, keys, times, status, and what becomes of those that make none.

import assert from 'node:assert/strict'
import { otel as otelExporter } from '../../../src/exporters/otel/index.ts'
import { driveSpans, startOfTime } from './driven-spans.ts'

describe('spans from events', () => {
  it('makes one span of a start and a success, named without the suffix', () => {
    const otel = driveSpans()
    otel.emit('app.start.phase.start', { correlation_id: 1 })
    otel.pass(250)
    otel.emit('app.start.phase.success', { correlation_id: 1 }, { duration_ms: 249.5 })
    const span = otel.span('app.start.phase')
    assert.equal(span.startTime, startOfTime)
    assert.equal(span.endTime, startOfTime + 250)
    assert.equal(span.kind, 1)
    assert.equal(span.statusCode, 0)
    assert.equal(span.parentSpanId, '')
    assert.equal(span.flags, 0x101)
    assert.deepEqual(span.attributes, { correlation_id: 1, duration_ms: 249.5 })
    assert.match(span.traceId, /^(?!0+$)[0-9a-f]{32}$/)
    assert.match(span.spanId, /^(?!0+$)[0-9a-f]{16}$/)
    assert.equal(otel.held, 0)
  })

  for (const [suffix, status] of [
    ['success', 0],
    ['stop', 0],
    ['error', 2],
    ['exception', 2],
  ] as const)
    it(`ends a span with .${suffix}`, () => {
      const otel = driveSpans()
      otel.emit('job.start', { correlation_id: 'a' })
      assert.equal(otel.held, 1)
      otel.emit(`job.${suffix}`, { correlation_id: 'a' })
      assert.equal(otel.span('job').statusCode, status)
    })

  for (const name of [
    'start',
    '.start',
    'success',
    '',
    'job',
    'job.done',
    'job.start.',
    'job.Start',
    'job.constructor',
  ])
    it(`counts ${JSON.stringify(name)} as no span`, () => {
      const otel = driveSpans()
      otel.emit(name, { correlation_id: 1 })
      assert.deepEqual(otel.dropped, { not_a_span: 1 })
    })

  it('takes 0 for an id, and 42 and "42" for two', () => {
    const otel = driveSpans()
    for (const correlation_id of [0, 42, '42']) otel.emit('job.start', { correlation_id })
    for (const correlation_id of ['42', 42, 0]) otel.emit('job.success', { correlation_id })
    assert.deepEqual(
      otel.spans.map((span) => span.attributes.correlation_id),
      ['42', 42, 0],
    )
    assert.equal(new Set(otel.spans.map((span) => span.traceId)).size, 3)
    assert.deepEqual(otel.dropped, {})
  })

  it('falls back to request_id', () => {
    const otel = driveSpans()
    otel.emit('job.start', { request_id: 'r' })
    otel.emit('job.success', { correlation_id: null, request_id: 'r' })
    assert.equal(otel.span('job').attributes.request_id, 'r')
  })

  for (const correlation_id of [undefined, null, '', Number.NaN, true, { id: 1 }, [1]])
    it(`counts a start whose id is ${JSON.stringify(correlation_id)}`, () => {
      const otel = driveSpans()
      otel.emit('job.start', { correlation_id })
      otel.emit('job.success', { correlation_id })
      assert.deepEqual(otel.dropped, { no_correlation_id: 1, unmatched_end: 1 })
    })

  it('compares ids whole, however long, and keeps them no longer than an attribute', () => {
    const otel = driveSpans({ max_attribute_length: 100 })
    const long = 'x'.repeat(1_000_000)
    otel.emit('job.start', { correlation_id: `${long}a` })
    otel.emit('job.success', { correlation_id: `${long}b` })
    assert.deepEqual(otel.dropped, { unmatched_end: 1 })
    assert.equal(String(otel.state.open.oldest?.start.fields[1]).length, 100)
    otel.emit('job.success', { correlation_id: `${long}a` })
    assert.equal(otel.items.length, 1)
  })

  it('tells ids apart that differ in a lone surrogate', () => {
    const otel = driveSpans()
    const long = 'x'.repeat(200)
    otel.emit('job.start', { correlation_id: `${long}\ud800` })
    otel.emit('job.success', { correlation_id: `${long}\ud801` })
    assert.deepEqual(otel.dropped, { unmatched_end: 1 })
  })

  it('lets the latest of two equal starts win', () => {
    const otel = driveSpans()
    otel.emit('job.start', { correlation_id: 1, attempt: 1 })
    otel.emit('job.start', { correlation_id: 1, attempt: 2 })
    otel.emit('job.success', { correlation_id: 1 })
    otel.emit('job.success', { correlation_id: 1 })
    assert.equal(otel.span('job').attributes.attempt, 2)
    assert.deepEqual(otel.dropped, { superseded: 1, unmatched_end: 1 })
  })

  it('never lets a span end before it starts', () => {
    const otel = driveSpans()
    otel.emit('job.start', { correlation_id: 1 })
    otel.pass(-500)
    otel.emit('job.success', { correlation_id: 1 })
    assert.equal(otel.span('job').endTime, startOfTime)
  })

  it('gives up what is open for span_ttl, and not before', () => {
    const otel = driveSpans({ span_ttl: 2 })
    otel.emit('old.start', { correlation_id: 1 })
    otel.pass(1)
    otel.emit('young.start', { correlation_id: 1 })
    otel.pass(1998)
    assert.deepEqual(otel.dropped, {})
    otel.pass(1)
    assert.deepEqual(otel.dropped, { expired: 1 })
    otel.emit('old.success', { correlation_id: 1 })
    otel.emit('young.success', { correlation_id: 1 })
    assert.deepEqual(otel.dropped, { expired: 1, unmatched_end: 1 })
    assert.equal(otel.span('young').name, 'young')
  })

  it('is found by its id also when hundreds of others were given up for it', () => {
    const otel = driveSpans({ max_active_spans: 2000 })
    otel.emit('outer.start', { correlation_id: 'old' })
    for (let i = 0; i < 1000; i++) otel.emit('a.start', { correlation_id: i })
    otel.configure({ max_active_spans: 10 })
    otel.emit('inner.start', { correlation_id: 'old' })
    otel.emit('inner.success', { correlation_id: 'old' })
    assert.equal(otel.items.length, 1)
    assert.deepEqual(otel.dropped, { span_limit: 992 })
  })

  it('gives up the oldest beyond max_active_spans, also when the limit is lowered', () => {
    const otel = driveSpans({ max_active_spans: 3 })
    for (let id = 1; id <= 4; id++) otel.emit('job.start', { correlation_id: id })
    assert.deepEqual(otel.dropped, { span_limit: 1 })
    otel.configure({ max_active_spans: 1 })
    otel.emit('job.start', { correlation_id: 5 })
    assert.deepEqual(otel.dropped, { span_limit: 4 })
    otel.emit('job.success', { correlation_id: 5 })
    assert.equal(otel.items.length, 1)
    assert.equal(otel.state.open.ids, 0)
  })

  it('finds a span of an id with thousands of open ones, whatever the order', () => {
    const otel = driveSpans()
    for (let i = 0; i < 5000; i++) otel.emit(`n${i}.start`, { correlation_id: 1 })
    for (let i = 0; i < 5000; i++) otel.emit(`n${(i * 7919) % 5000}.success`, { correlation_id: 1 })
    assert.equal(otel.items.length, 5000)
    assert.equal(otel.state.open.size, 0)
    assert.equal(otel.state.open.ids, 0)
  })

  it('forgets what is open when it is disabled, and says how much is', () => {
    const definition = otelExporter()
    const otel = driveSpans()
    for (const correlation_id of [1, 1, 2]) otel.emit(`job${otel.held}.start`, { correlation_id })
    assert.deepEqual(definition.describe?.(undefined, otel.state), { openSpans: 3, openIds: 2 })
    definition.forget?.(otel.state)
    assert.deepEqual(definition.describe?.(undefined, otel.state), { openSpans: 0, openIds: 0 })
    otel.emit('job0.success', { correlation_id: 1 })
    assert.deepEqual(otel.dropped, { unmatched_end: 1 })
  })

  it('stays quick for an id that comes and goes while thousands are open', () => {
    const otel = driveSpans()
    for (let id = 0; id < 9000; id++) otel.emit('open.start', { correlation_id: id })
    for (let i = 0; i < 20_000; i++) {
      otel.emit('loop.start', { correlation_id: 'always' })
      otel.emit('loop.success', { correlation_id: 'always' })
    }
    assert.equal(otel.items.length, 20_000)
    assert.equal(otel.state.open.ids, 9000)
  })
})
