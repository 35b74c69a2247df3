// Whatever comes in whatever order: each event is accounted exactly once, and what is kept open stays bounded.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { SpanScope } from '../../../src/bus/event.ts'
import { Scope } from '../../../src/bus/span-scope.ts'
import { driveSpans, scopeOf } from './driven-spans.ts'

const suffix = fc.constantFrom('start', 'start', 'start', 'success', 'stop', 'error', 'exception', 'tick', '')
const id = fc.constantFrom<unknown>(1, '1', 0, 'a', 'b', 'x'.repeat(300), undefined, '', true)
const traceparent = fc.constantFrom<unknown>(
  undefined,
  undefined,
  'junk',
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203332-00',
)
const step = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      type: fc.constant('emit' as const),
      name: fc.constantFrom('a', 'a', 'a', 'b', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k.start', ''),
      suffix,
      id,
      traceparent,
      scope: fc.option(fc.nat(4), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: -50, max: 1200 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('configure' as const),
      changes: fc.record({
        sampling_rate: fc.constantFrom(0, 0.5, 1),
        max_active_spans: fc.integer({ min: 1, max: 12 }),
        max_attributes: fc.integer({ min: 0, max: 3 }),
      }),
    }),
  },
)

function scopesOf() {
  const a = scopeOf('a')
  const b = scopeOf('b', a)
  return [a, b, scopeOf('a', b), scopeOf('b', undefined, { traceFlags: 0 }), scopeOf('')]
}

describe('the ledger of the otel exporter', () => {
  it('adds up after every event of any stream, and nothing outlives the last open span', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
        const otel = driveSpans({ max_active_spans: 8, span_ttl: 1 })
        const scopes = scopesOf()
        const begun = new Set<SpanScope>()
        let most = 8
        for (const each of steps) {
          if (each.type === 'pass') otel.pass(each.ms)
          else if (each.type === 'configure') {
            otel.configure(each.changes)
            most = Math.max(most, each.changes.max_active_spans)
          } else {
            const scope = each.scope === undefined ? undefined : scopes[each.scope]
            // A span() starts once.
            const again = each.suffix === 'start' && scope?.name === each.name && begun.has(scope)
            if (scope?.name === each.name) begun.add(scope)
            otel.emit(
              `${each.name}.${each.suffix}`,
              { correlation_id: each.id, traceparent: each.traceparent },
              {},
              scope,
              again ? 'caller' : undefined,
            )
          }
          const { open } = otel.state
          assert.ok(open.size <= most && open.ids <= open.size && otel.held <= open.size)
        }
        const ids = new Set(otel.spans.map((span) => span.spanId))
        assert.equal(ids.size, new Set(otel.items).size)

        otel.pass(10_000_000)
        const { open } = otel.state
        assert.equal(otel.held, 0)
        assert.deepEqual([open.size, open.ids, open.oldest], [0, 0, undefined])
        for (const scope of scopes) {
          const { spanHigh, spanLow, ...trace } = Scope.from(scope)!
          assert.equal(open.own(spanHigh, spanLow), undefined)
          assert.equal(open.trace(trace), undefined)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('stays exact and flat over leaks: starts that never end, ends that never started, doubles', () => {
    const otel = driveSpans({ max_active_spans: 100 })
    for (let i = 0; i < 30_000; i++) {
      otel.emit(`job${i % 7}.start`, { correlation_id: i % 3 ? i : `id-${i}` })
      if (i % 4 === 0) otel.emit('never.success', { correlation_id: i })
      if (i % 5 === 0) otel.emit(`job${i % 7}.success`, { correlation_id: i % 3 ? i : `id-${i}` })
      if (i % 6 === 0) otel.emit('double.start', { correlation_id: 'always' })
    }
    assert.equal(otel.state.open.size, 100)
    assert.ok(otel.state.open.ids <= 100)
    assert.equal(otel.dropped.unmatched_end, 7500)
  })
})
