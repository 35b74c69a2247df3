// Which trace a span is in and whose child it is: by its id, by W3C context, by the span() around it.

import assert from 'node:assert/strict'
import { traceHex, traceIdOf } from '../../../src/bus/trace-id.ts'
import { driveSpans, scopeOf } from './driven-spans.ts'

const trace = '0af7651916cd43dd8448eb211c80319c'
const remoteSpan = 'b7ad6b7169203331'
const traceparent = `00-${trace}-${remoteSpan}-01`

describe('spans of one id', () => {
  it('share a trace; an inner one is the child of the innermost open one', () => {
    const otel = driveSpans()
    for (const name of ['a', 'b', 'c']) otel.emit(`${name}.start`, { correlation_id: 7 })
    for (const name of ['c', 'b', 'a']) otel.emit(`${name}.success`, { correlation_id: 7 })
    const [c, b, a] = otel.spans
    assert.equal(a?.parentSpanId, '')
    assert.equal(b?.parentSpanId, a?.spanId)
    assert.equal(c?.parentSpanId, b?.spanId)
    assert.equal(new Set(otel.spans.map((span) => span.traceId)).size, 1)
  })

  it('share it also when one follows the other, and nothing of the id is remembered', () => {
    const otel = driveSpans()
    for (const name of ['a', 'b']) {
      otel.emit(`${name}.start`, { correlation_id: 'x' })
      otel.emit(`${name}.success`, { correlation_id: 'x' })
      assert.equal(otel.state.open.ids, 0)
    }
    const [a, b] = otel.spans
    assert.equal(a?.traceId, b?.traceId)
    assert.equal(b?.parentSpanId, '')
    assert.notEqual(a?.spanId, b?.spanId)
  })

  it('may end in any order: an outer one that ends first stays the parent', () => {
    const otel = driveSpans()
    otel.emit('outer.start', { correlation_id: 1 })
    otel.emit('inner.start', { correlation_id: 1 })
    otel.emit('outer.success', { correlation_id: 1 })
    otel.emit('late.start', { correlation_id: 1 })
    otel.emit('inner.success', { correlation_id: 1 })
    otel.emit('late.success', { correlation_id: 1 })
    const [outer, inner, late] = otel.spans
    assert.equal(inner?.parentSpanId, outer?.spanId)
    assert.equal(late?.parentSpanId, inner?.spanId)
    assert.equal(late?.traceId, outer?.traceId)
  })

  it('are not children of a span that the same start supersedes', () => {
    const otel = driveSpans()
    otel.emit('job.start', { correlation_id: 1 })
    otel.emit('job.start', { correlation_id: 1 })
    otel.emit('job.success', { correlation_id: 1 })
    assert.equal(otel.span('job').parentSpanId, '')
  })
})

describe('a traceparent in the metadata', () => {
  it('gives the trace and a remote parent', () => {
    const otel = driveSpans()
    otel.emit('job.start', { correlation_id: 1, traceparent, tracestate: 'a=1, b=2' })
    otel.emit('job.success', { correlation_id: 1 })
    const job = otel.span('job')
    assert.equal(job.traceId, trace)
    assert.equal(job.parentSpanId, remoteSpan)
    assert.equal(job.flags, 0x301)
    assert.equal(job.traceState, 'a=1,b=2')
    assert.deepEqual(job.attributes, { correlation_id: 1 })
  })

  it('repeated by inner events changes nothing: they are children of the outer', () => {
    const otel = driveSpans()
    for (const name of ['request', 'query']) otel.emit(`${name}.start`, { correlation_id: 1, traceparent })
    for (const name of ['query', 'request']) otel.emit(`${name}.success`, { correlation_id: 1, traceparent })
    const query = otel.span('query')
    assert.equal(query.parentSpanId, otel.span('request').spanId)
    assert.equal(query.flags, 0x101)
    assert.equal(query.traceId, trace)
  })

  it('of another trace wins over an open span of the id', () => {
    const otel = driveSpans()
    otel.emit('request.start', { correlation_id: 1 })
    otel.emit('job.start', { correlation_id: 1, traceparent })
    otel.emit('job.success', { correlation_id: 1 })
    assert.equal(otel.span('job').traceId, trace)
    assert.equal(otel.span('job').parentSpanId, remoteSpan)
  })

  it('naming an open span of ours makes a child of it', () => {
    const otel = driveSpans()
    otel.emit('a.start', { correlation_id: 1, traceparent })
    otel.emit('b.start', { correlation_id: 1 })
    otel.emit('b.success', { correlation_id: 1 })
    const b = otel.span('b')
    otel.emit('b.start', { correlation_id: 1 })
    otel.emit('c.start', { correlation_id: 1, traceparent: `00-${trace}-${b.parentSpanId}-01` })
    otel.emit('c.success', { correlation_id: 1 })
    assert.equal(otel.span('c').parentSpanId, b.parentSpanId)
  })

  it('is handed on to the spans of the trace with its flags', () => {
    const otel = driveSpans()
    otel.emit('job.start', { correlation_id: 1, traceparent: `00-${trace}-${remoteSpan}-03` })
    otel.emit('step.start', { correlation_id: 1 })
    otel.emit('step.success', { correlation_id: 1 })
    otel.emit('job.success', { correlation_id: 1 })
    assert.equal(otel.span('job').flags, 0x303)
    assert.equal(otel.span('step').flags, 0x103)
  })

  it('that is invalid is an attribute like any other', () => {
    const otel = driveSpans()
    otel.emit('job.start', { correlation_id: 1, traceparent: `${traceparent}\n`, tracestate: 'a=1' })
    otel.emit('job.success', { correlation_id: 1 })
    assert.equal(otel.span('job').parentSpanId, '')
    assert.deepEqual(otel.span('job').attributes, { correlation_id: 1, traceparent: `${traceparent}\n` })
  })
})

describe('a span() around the events', () => {
  it('is a span with its own ids, whatever its correlation id', () => {
    const otel = driveSpans()
    const scope = scopeOf('work')
    otel.emit('work.start', { correlation_id: true }, {}, scope)
    otel.emit('work.success', { correlation_id: true }, {}, scope)
    const work = otel.span('work')
    assert.equal(work.traceId, scope.traceId)
    assert.equal(work.spanId, scope.spanId)
    assert.equal(work.parentSpanId, '')
  })

  it('never supersedes another of the same name and id', () => {
    const otel = driveSpans()
    const [one, two] = [scopeOf('work'), scopeOf('work')]
    otel.emit('work.start', { correlation_id: 1 }, {}, one)
    otel.emit('work.start', { correlation_id: 1 }, {}, two)
    otel.emit('work.success', { correlation_id: 1 }, {}, one)
    otel.emit('work.error', { correlation_id: 1 }, {}, two)
    assert.deepEqual(
      otel.spans.map((span) => [span.spanId, span.statusCode]),
      [
        [one.spanId, 0],
        [two.spanId, 2],
      ],
    )
    assert.deepEqual(otel.dropped, {})
  })

  it('is the parent of what starts inside it, and of a span() inside it', () => {
    const otel = driveSpans()
    const outer = scopeOf('outer')
    const inner = scopeOf('inner', outer)
    otel.emit('outer.start', { correlation_id: 1 }, {}, outer)
    otel.emit('inner.start', { correlation_id: 1 }, {}, inner)
    otel.emit('step.start', { correlation_id: 1 }, {}, inner)
    otel.emit('detail.start', { correlation_id: 1 }, {}, inner)
    otel.emit('other.start', { correlation_id: 2 }, {}, inner)
    for (const name of ['other', 'detail', 'step'])
      otel.emit(`${name}.success`, { correlation_id: name === 'other' ? 2 : 1 }, {}, inner)
    otel.emit('inner.success', { correlation_id: 1 }, {}, inner)
    otel.emit('outer.success', { correlation_id: 1 }, {}, outer)
    assert.equal(otel.span('inner').parentSpanId, outer.spanId)
    assert.equal(otel.span('step').parentSpanId, inner.spanId)
    assert.equal(otel.span('other').parentSpanId, inner.spanId)
    assert.equal(otel.span('detail').parentSpanId, otel.span('step').spanId)
    assert.equal(new Set(otel.spans.map((span) => span.traceId)).size, 1)
  })

  it('is the parent though its own start went elsewhere', () => {
    const otel = driveSpans()
    const ambient = scopeOf('')
    otel.emit('job.start', { correlation_id: 1 }, {}, ambient)
    otel.emit('job.success', { correlation_id: 1 })
    assert.equal(otel.span('job').parentSpanId, ambient.spanId)
    assert.equal(otel.span('job').traceId, ambient.traceId)
  })

  it('joins the trace of an open span of its id, as a child', () => {
    const otel = driveSpans()
    const scope = scopeOf('query', undefined, { traceId: traceHex(traceIdOf(1)) })
    otel.emit('request.start', { correlation_id: 1 })
    otel.emit('query.start', { correlation_id: 1 }, {}, scope)
    otel.emit('query.success', { correlation_id: 1 }, {}, scope)
    otel.emit('request.success', { correlation_id: 1 })
    const query = otel.span('query')
    assert.equal(query.spanId, scope.spanId)
    assert.equal(query.traceId, scope.traceId)
    assert.equal(query.parentSpanId, otel.span('request').spanId)
    assert.equal(otel.span('request').traceId, scope.traceId)
  })

  it('shares the trace of its id with what came before and comes after', () => {
    const otel = driveSpans()
    const scope = scopeOf('query', undefined, { traceId: traceHex(traceIdOf(1)) })
    for (const [name, around] of [['before'], ['query', scope], ['after']] as const) {
      otel.emit(`${name}.start`, { correlation_id: 1 }, {}, around)
      otel.emit(`${name}.success`, { correlation_id: 1 }, {}, around)
    }
    assert.deepEqual(new Set(otel.spans.map((span) => span.traceId)), new Set([scope.traceId]))
  })

  it('gives way to a traceparent of another trace, and wins over one of its own', () => {
    const otel = driveSpans()
    const scope = scopeOf('work')
    const sibling = `00-${scope.traceId}-${'c'.repeat(16)}-01`
    otel.emit('work.start', { correlation_id: 1 }, {}, scope)
    otel.emit('away.start', { correlation_id: 1, traceparent }, {}, scope)
    otel.emit('here.start', { correlation_id: 2, traceparent: sibling }, {}, scope)
    for (const [name, correlation_id] of [
      ['away', 1],
      ['here', 2],
      ['work', 1],
    ] as const)
      otel.emit(`${name}.success`, { correlation_id }, {}, scope)
    assert.deepEqual([otel.span('away').traceId, otel.span('away').parentSpanId], [trace, remoteSpan])
    assert.equal(otel.span('here').parentSpanId, scope.spanId)
  })

  it('tells a remote parent by the traceparent it was given', () => {
    const otel = driveSpans()
    const scope = scopeOf('job', undefined, {
      traceId: trace,
      parentSpanId: remoteSpan,
      parentIsRemote: true,
      traceFlags: 1,
    })
    otel.emit('job.start', { correlation_id: 1, traceparent }, {}, scope)
    otel.emit('step.start', { correlation_id: 2, traceparent }, {}, scope)
    otel.emit('step.success', { correlation_id: 2 }, {}, scope)
    otel.emit('job.success', { correlation_id: 1 }, {}, scope)
    assert.equal(otel.span('job').flags, 0x301)
    assert.equal(otel.span('step').parentSpanId, scope.spanId)
    assert.equal(otel.span('step').flags, 0x101)
  })

  it('may hold a span of its own name that is opened by hand', () => {
    const otel = driveSpans()
    const scope = scopeOf('work')
    otel.emit('work.start', { correlation_id: 1 }, {}, scope)
    otel.emit('work.start', { correlation_id: 1 }, {}, scope, 'caller')
    otel.emit('work.success', { correlation_id: 1 }, {}, scope, 'caller')
    otel.emit('work.success', { correlation_id: 1 }, {}, scope)
    const [inner, outer] = otel.spans
    assert.equal(outer?.spanId, scope.spanId)
    assert.equal(inner?.parentSpanId, scope.spanId)
    assert.deepEqual(otel.dropped, {})
  })

  it('is ended by the span() alone, not by an event that looks like its end', () => {
    const otel = driveSpans()
    const scope = scopeOf('work')
    otel.emit('work.start', { correlation_id: 1 }, {}, scope)
    otel.emit('work.error', { correlation_id: 1 }, {}, scope, 'caller')
    otel.emit('work.success', { correlation_id: 1 }, {}, scope)
    assert.equal(otel.span('work').statusCode, 0)
    assert.deepEqual(otel.dropped, { unmatched_end: 1 })
  })

  it('ends nothing but its own span, though that is gone', () => {
    const otel = driveSpans({ span_ttl: 1 })
    const scope = scopeOf('work')
    otel.emit('work.start', { correlation_id: 1 }, {}, scope)
    otel.pass(1000)
    otel.emit('work.start', { correlation_id: 1 })
    otel.emit('work.success', { correlation_id: 1 }, {}, scope)
    assert.deepEqual(otel.dropped, { expired: 1, unmatched_end: 1 })
    assert.equal(otel.held, 1)
  })

  it('says nothing if its ids are malformed', () => {
    const otel = driveSpans()
    for (const more of [
      { traceId: 'x' },
      { spanId: '' },
      { traceId: '0'.repeat(32) },
      { spanId: 'G'.repeat(16) },
    ]) {
      const scope = scopeOf('work', undefined, more)
      otel.emit('work.start', { correlation_id: 1 }, {}, scope, 'caller')
      otel.emit('work.success', { correlation_id: 1 }, {}, scope, 'caller')
    }
    assert.equal(otel.items.length, 4)
    assert.equal(otel.state.open.size, 0)
  })
})
