/**
 * The recorder remembers the last transitions of the control plane, oldest first, in bounded memory, and hands
 * out nothing that is still its own.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { SimulatedClock } from 'xstate'
import { createRecorder, type HistoryEntry } from '../../src/control/recorder.ts'

describe('the recorder', () => {
  it('stamps what it is told with the time, and leaves out what it is not told', () => {
    const clock = new SimulatedClock()
    const recorder = createRecorder({ clock })
    recorder.record({ kind: 'exporter', id: 'otel', from: 'opening', to: 'serving' })
    clock.increment(1_500)
    recorder.record({ kind: 'config', message: 'version 2: telemetry.otel.endpoint', to: undefined })
    assert.deepEqual(recorder.history(), [
      { at: 0, kind: 'exporter', id: 'otel', from: 'opening', to: 'serving' },
      { at: 1_500, kind: 'config', message: 'version 2: telemetry.otel.endpoint' },
    ])
  })

  it('keeps 200 by default', () => {
    const recorder = createRecorder({ clock: new SimulatedClock() })
    for (let n = 0; n < 450; n += 1) recorder.record({ kind: 'crash', id: String(n) })
    assert.equal(recorder.history().length, 200)
    assert.equal(recorder.history()[0]?.id, '250')
    assert.equal(recorder.history().at(-1)?.id, '449')
  })

  it('always holds the last ones in their order, whatever the limit', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.array(fc.string(), { maxLength: 60 }), (limit, ids) => {
        const recorder = createRecorder({ clock: new SimulatedClock(), limit })
        for (const id of ids) recorder.record({ kind: 'breaker', id })
        assert.deepEqual(
          recorder.history().map(({ id }) => id),
          limit === 0 ? [] : ids.slice(-limit),
        )
      }),
    )
  })

  it('cuts long texts, and never inside a character', () => {
    const recorder = createRecorder({ clock: new SimulatedClock() })
    recorder.record({ kind: 'crash', message: 'x'.repeat(5_000) })
    recorder.record({ kind: 'crash', message: '😀'.repeat(2_000) })
    recorder.record({ kind: 'crash', message: `x${'😀'.repeat(2_000)}` })
    for (const { message = '' } of recorder.history()) {
      assert.ok(message.length <= 1_024)
      assert.doesNotMatch(message, /\p{Surrogate}/u)
    }
  })

  it('keeps only the fields it knows, and hands out copies', () => {
    const recorder = createRecorder({ clock: new SimulatedClock() })
    const entry = { kind: 'exporter' as const, id: 'otel', to: 'serving', apiKey: 'canary' }
    recorder.record(entry)
    entry.to = 'stopped'
    const [first] = recorder.history() as [{ -readonly [Key in keyof HistoryEntry]: HistoryEntry[Key] }]
    first.to = 'failed'
    assert.deepEqual(recorder.history(), [{ at: 0, kind: 'exporter', id: 'otel', to: 'serving' }])
  })
})
