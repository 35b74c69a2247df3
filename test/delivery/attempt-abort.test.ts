// Guards that the context of an attempt has a `signal` like any AbortSignal, although most attempts never make one.
import assert from 'node:assert/strict'
import { AttemptAbort, withSignal } from '../../src/delivery/attempt-abort.ts'
import { abortOf } from '../../src/exporters/abort-source.ts'

function begun() {
  const errors: unknown[] = []
  const abort = new AttemptAbort((error) => errors.push(error))
  return { abort, errors, context: withSignal({ id: 'otel' }, abort) }
}

const reason = new Error('too late')

describe('the signal of an attempt', () => {
  it('is one and the same AbortSignal, also in a copy of the context', () => {
    const { context } = begun()
    const { signal } = context
    assert.ok(signal instanceof AbortSignal)
    assert.equal(context.signal, signal)
    assert.equal({ ...context }.signal, signal)
    assert.equal(Object.assign({}, context).signal, signal)
    assert.deepEqual(Object.keys(context), ['id', 'signal'])
  })

  it('aborts with the reason, whether it was read before or is read after', () => {
    const { abort, context } = begun()
    const reasons: unknown[] = []
    const { signal } = context
    signal.addEventListener('abort', () => reasons.push(signal.reason))
    abort.abort(reason)
    abort.abort(new Error('once more'))
    assert.deepEqual(reasons, [reason])
    const late = begun()
    late.abort.abort(reason)
    assert.ok(late.context.signal.aborted)
    assert.equal(late.context.signal.reason, reason)
  })

  it('calls a listener no more that was removed, and calls others although one throws', () => {
    const { abort, errors, context } = begun()
    const { signal } = context
    const calls: string[] = []
    const removed = (): unknown => calls.push('removed')
    signal.addEventListener('abort', removed)
    signal.removeEventListener('abort', removed)
    signal.onabort = () => calls.push('replaced')
    signal.onabort = () => calls.push('onabort')
    signal.addEventListener('abort', () => {
      throw reason
    })
    signal.addEventListener('abort', { handleEvent: () => calls.push('object') })
    abort.abort(new Error('over'))
    assert.deepEqual(calls, ['onabort', 'object'])
    assert.deepEqual(errors, [reason])
  })

  it('can be given to what takes an AbortSignal', async () => {
    const { abort, context } = begun()
    const either = AbortSignal.any([context.signal, new AbortController().signal])
    const fetched = fetch('http://127.0.0.1:9/', { signal: context.signal })
    abort.abort(reason)
    assert.ok(either.aborted)
    await assert.rejects(fetched, reason)
  })

  it('has a lighter source for requests of our own, and is that source in any other context', () => {
    const { abort, errors, context } = begun()
    const source = abortOf(context)
    const calls: string[] = []
    const removed = (): unknown => calls.push('removed')
    source.addEventListener('abort', removed)
    source.removeEventListener('abort', removed)
    source.addEventListener('abort', () => {
      throw reason
    })
    source.addEventListener('abort', () => calls.push('told'))
    abort.abort(reason)
    assert.deepEqual([calls, errors], [['told'], [reason]])
    assert.ok(source.aborted)
    assert.equal(source.reason, reason)
    const { signal } = new AbortController()
    assert.equal(abortOf({ signal }), signal)
  })
})
