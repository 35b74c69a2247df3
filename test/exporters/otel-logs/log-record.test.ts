// Guards what becomes of an event in its log record, beyond what an SDK would do: severities, body, exception, trace.
import assert from 'node:assert/strict'
import { severityProblem } from '../../../src/exporters/otel-logs/severity.ts'
import { eventOf } from '../otel/driven-spans.ts'
import { recordsOf } from './driven-logs.ts'

const time = 1_700_000_000_000
const recordOf = (
  name: string,
  metadata: object,
  changes: Readonly<Record<string, unknown>> = {},
  measurements: object = {},
) => recordsOf([eventOf(name, measurements, metadata, time)], changes)[0]!

const severity = (name: string, metadata: object, changes = {}): readonly [number, string] => {
  const { severityNumber, severityText } = recordOf(name, metadata, changes)
  return [severityNumber, severityText]
}

describe('the severity of a log record', () => {
  it('is ERROR for an event that reports a failure, and unset for others', () => {
    assert.deepEqual(severity('job.error', {}), [17, 'ERROR'])
    assert.deepEqual(severity('job.exception', {}), [17, 'ERROR'])
    assert.deepEqual(severity('job.success', {}), [0, ''])
    assert.deepEqual(severity('error', {}), [0, ''])
  })

  it('is that of the first rule that matches, in the order of the configuration', () => {
    const severities = { 'db.*.error': 'warn2', '*.error': 'fatal', '*.start': 'debug', '*': '9' }
    const of = (name: string) => severity(name, {}, { severities })
    assert.deepEqual(of('db.query.error'), [14, 'WARN2'])
    assert.deepEqual(of('job.error'), [21, 'FATAL'])
    assert.deepEqual(of('job.start'), [5, 'DEBUG'])
    assert.deepEqual(of('job.done'), [9, 'INFO'])
    assert.deepEqual(severity('job.error', {}, { severities: ['*.error:warn'] }), [13, 'WARN'])
    assert.deepEqual(severity('job.error', {}, { severities: {} }), [0, ''])
  })

  it('is what the metadata says, by name in any case or by number', () => {
    for (const said of ['info', 'INFO', 'Info', 9])
      assert.deepEqual(severity('job.error', { severity: said }), [9, 'INFO'])
    assert.deepEqual(severity('job.done', { severity: 'error3' }), [19, 'ERROR3'])
    assert.deepEqual(recordOf('job.done', { severity: 'warn' }).attributes, {})
  })

  it('stays an attribute if OpenTelemetry has no such severity', () => {
    for (const said of ['critical', 0, 25, 1.5, true, ['error'], 'ERROR5', '']) {
      const record = recordOf('job.error', { severity: said })
      assert.deepEqual(record.attributes, { severity: said })
      assert.equal(record.severityNumber, 17)
    }
  })

  it('is refused in a rule if it is invalid, with the pattern', () => {
    assert.equal(severityProblem({ '*.error': 'error', '*': '24' }), undefined)
    assert.equal(severityProblem(['a:b:warn']), undefined)
    assert.match(severityProblem({ '*.bad': 'severe' }) ?? '', /"\*\.bad"/)
    assert.match(severityProblem(['*.bad']) ?? '', /"\*\.bad"/)
  })
})

describe('the body of a log record', () => {
  it('is unset by default', () => {
    const { body, attributes } = recordOf('job.done', { message: 'hello' })
    assert.equal(body, null)
    assert.deepEqual(attributes, { message: 'hello' })
  })

  it('is the metadata that the configuration names, of any kind, and then no attribute', () => {
    for (const value of ['hello', 42, true, ['a', 1], { deep: { x: 1 } }]) {
      const { body, attributes } = recordOf('job.done', { message: value, other: 1 }, { body: 'message' })
      assert.deepEqual(body, value)
      assert.deepEqual(attributes, { other: 1 })
    }
  })

  it('is not cut where attributes are, and of an Error is its message', () => {
    const long = 'x'.repeat(5000)
    assert.equal(recordOf('a', { message: long }, { body: 'message', max_attribute_length: 10 }).body, long)
    assert.equal(recordOf('a.error', { error: new Error('broken') }, { body: 'error' }).body, 'broken')
  })
})

describe('the attributes of a log record', () => {
  it('are the measurements and the metadata; of one name in both, the measurement', () => {
    const { attributes, eventName } = recordOf('job.done', { queue: 'mail', count: 'two' }, {}, { count: 2 })
    assert.equal(eventName, 'job.done')
    assert.deepEqual(attributes, { count: 2, queue: 'mail' })
  })

  it('leave out what has no value, and count a number that no backend can take', () => {
    const metadata = { none: null, bad: Number.NaN, '': 'nameless', kept: 1 }
    const record = recordOf('job.done', metadata, {}, { rate: Number.NaN })
    assert.deepEqual(record.attributes, { kept: 1 })
    assert.equal(record.droppedAttributesCount, 1)
  })

  it('never split a character where they are cut', () => {
    const { attributes } = recordOf('a', { k: 'ab😀', n: { k: '😀😀' } }, { max_attribute_length: 3 })
    assert.deepEqual(attributes, { k: 'ab', n: { k: '😀' } })
  })

  it('tell of an Error as OpenTelemetry does of an exception', () => {
    const error = new RangeError('too far')
    const { attributes } = recordOf('job.error', { error })
    assert.deepEqual(attributes, {
      'exception.type': 'RangeError',
      'exception.message': 'too far',
      'exception.stacktrace': error.stack,
    })
    assert.equal(recordOf('job.done', { reason: error }).attributes['exception.message'], 'too far')
  })

  it('keep the second Error, a plain message, and an exception that was named already', () => {
    const both = recordOf('a.error', { reason: new Error('why'), error: new Error('what') }).attributes
    assert.equal(both['exception.message'], 'what')
    assert.equal((both.reason as { message?: string }).message, 'why')
    assert.deepEqual(recordOf('a.error', { error: 'plain' }).attributes, { error: 'plain' })
    const named = recordOf('a.error', { error: new Error('one'), 'exception.message': 'two' }).attributes
    assert.equal(named['exception.message'], 'two')
  })
})

describe('the trace of a log record', () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const spanId = 'b7ad6b7169203331'

  it('is that of the span around the event', () => {
    const scope = { name: '', traceId, spanId, traceFlags: 1 }
    const [record] = recordsOf([eventOf('job.done', {}, { traceparent: 'mine' }, time, scope)])
    assert.deepEqual([record!.traceId, record!.spanId, record!.flags], [traceId, spanId, 1])
    assert.deepEqual(record!.attributes, { traceparent: 'mine' })
  })

  it('is what travels with requests where the trace began here', () => {
    const scope = { name: '', traceId, spanId, announcedFlags: 1 }
    assert.equal(recordsOf([eventOf('job.done', {}, {}, time, scope)])[0]!.flags, 1)
  })

  it('outside of every span is that of a traceparent in the metadata', () => {
    const { flags, attributes, ...record } = recordOf('a', { traceparent: `00-${traceId}-${spanId}-01` })
    assert.deepEqual([record.traceId, record.spanId, flags], [traceId, spanId, 1])
    assert.deepEqual(attributes, {})
    assert.deepEqual(recordOf('a', { traceparent: 'none' }).attributes, { traceparent: 'none' })
  })
})
