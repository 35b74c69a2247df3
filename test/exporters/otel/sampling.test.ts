// Sampling: once per trace, by the trace id alone, a higher rate takes a superset; every event is counted.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { readTraceId, sampledAt } from '../../../src/bus/trace-id.ts'
import { compileProgram } from '../../support/programs.ts'
import { driveSpans, scopeOf } from './driven-spans.ts'

const digits = '0123456789abcdef'
const traceId = fc
  .array(fc.constantFrom(...digits), { minLength: 32, maxLength: 32 })
  .map((parts) => parts.join(''))
  .filter((id) => /[1-9a-f]/.test(id))
const rate = fc.double({ min: 0, max: 1, noNaN: true })

const decide = (share: number, id: string): boolean => sampledAt(share, readTraceId(id, 0)!)

describe('the sampling decision', () => {
  it('takes at a higher rate what it takes at a lower one', () => {
    fc.assert(
      fc.property(traceId, rate, rate, (id, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)]
        if (decide(low, id)) assert.ok(decide(high, id))
      }),
    )
  })

  it('takes all at 1 and nothing at 0', () => {
    fc.assert(fc.property(traceId, (id) => decide(1, id) && !decide(0, id)))
    assert.ok(decide(1, `1${'0'.repeat(31)}`))
    assert.ok(!decide(0, 'f'.repeat(32)))
  })

  it('looks at the last 56 bits', () => {
    assert.ok(decide(0.001, `${'0'.repeat(17)}1${'f'.repeat(14)}`))
    assert.ok(!decide(0.999, `${'f'.repeat(18)}${'0'.repeat(14)}`))
  })

  it('is the same in another process', async () => {
    const ids = Array.from({ length: 64 }, (_, i) => (i * 0x9e3779b97f4a).toString(16).padStart(32, '1'))
    const program = await compileProgram(`
      import { readTraceId, sampledAt } from './src/bus/trace-id.ts'
      console.log(JSON.stringify(${JSON.stringify(ids)}.map((id) => sampledAt(0.3, readTraceId(id, 0)))))`)
    const there = execFileSync(process.execPath, [program])
    assert.deepEqual(
      JSON.parse(there.toString()),
      ids.map((id) => decide(0.3, id)),
    )
  })

  it('takes about the share it is asked for, of ids as we make them', () => {
    const otel = driveSpans({ sampling_rate: 0.25 })
    for (let id = 0; id < 8000; id++) {
      otel.emit('job.start', { correlation_id: id % 2 ? id : `user-${id}` })
      otel.emit('job.success', { correlation_id: id % 2 ? id : `user-${id}` })
    }
    assert.ok(Math.abs(otel.items.length - 2000) < 250, `${otel.items.length} of 8000`)
    assert.equal(otel.dropped.sampled_out, (8000 - otel.items.length) * 2)
  })
})

describe('a trace that is not sampled', () => {
  it('is counted, start and end, and its children with it', () => {
    const otel = driveSpans({ sampling_rate: 0 })
    otel.emit('outer.start', { correlation_id: 1 })
    otel.configure({ sampling_rate: 1 })
    otel.emit('inner.start', { correlation_id: 1 })
    otel.emit('inner.success', { correlation_id: 1 })
    otel.emit('outer.success', { correlation_id: 1 })
    assert.deepEqual(otel.dropped, { sampled_out: 4 })
    otel.emit('outer.start', { correlation_id: 1 })
    otel.emit('outer.success', { correlation_id: 1 })
    assert.equal(otel.items.length, 1)
  })

  it('is counted once when it is superseded, evicted or expires', () => {
    const otel = driveSpans({ sampling_rate: 0, max_active_spans: 1, span_ttl: 1 })
    for (const correlation_id of [1, 1, 2]) otel.emit('job.start', { correlation_id })
    otel.pass(1000)
    assert.deepEqual(otel.dropped, { sampled_out: 3 })
    assert.equal(otel.state.open.size, 0)
  })

  it('is decided by a remote parent, either way', () => {
    const otel = driveSpans({ sampling_rate: 0 })
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0'
    otel.emit('yes.start', { correlation_id: 1, traceparent: `${traceparent}1` })
    otel.emit('child.start', { correlation_id: 1 })
    otel.configure({ sampling_rate: 1 })
    otel.emit('no.start', { correlation_id: 2, traceparent: `${traceparent}0` })
    for (const [name, correlation_id] of [
      ['child', 1],
      ['yes', 1],
      ['no', 2],
    ] as const)
      otel.emit(`${name}.success`, { correlation_id })
    assert.deepEqual(
      otel.spans.map((span) => span.name),
      ['child', 'yes'],
    )
    assert.deepEqual(otel.dropped, { sampled_out: 2 })
  })

  it('is decided by the flags of a span(), or once for all of its trace', () => {
    const otel = driveSpans({ sampling_rate: 0 })
    const sampled = scopeOf('sampled', undefined, { traceFlags: 1 })
    const undecided = scopeOf('undecided')
    const inner = scopeOf('inner', undecided)
    otel.emit('sampled.start', {}, {}, sampled)
    otel.emit('undecided.start', {}, {}, undecided)
    otel.configure({ sampling_rate: 1 })
    otel.emit('inner.start', {}, {}, inner)
    otel.emit('step.start', { correlation_id: 1 }, {}, inner)
    otel.emit('step.success', { correlation_id: 1 }, {}, inner)
    otel.emit('inner.success', {}, {}, inner)
    otel.emit('undecided.success', {}, {}, undecided)
    otel.emit('sampled.success', {}, {}, sampled)
    assert.deepEqual(
      otel.spans.map((span) => span.name),
      ['sampled'],
    )
    assert.deepEqual(otel.dropped, { sampled_out: 6 })
  })
})
