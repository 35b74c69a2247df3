// The example's account is strict: an event that is nowhere, a span too few or too many, a job the page missed is seen.
import assert from 'node:assert/strict'
import {
  counterOf,
  ledgerEntry,
  logsEntry,
  pageEntry,
  spansEntry,
  sumsEntry,
} from '../../examples/queuemizer/reckoning.ts'
import type { LedgerStatus } from '../../src/index.ts'

const ledger = (facts: Partial<LedgerStatus> = {}): LedgerStatus => ({
  accepted: 10,
  delivered: 6,
  dropped: { disabled: 1, unmatched_end: 2 },
  pending: { buffered: 0, held: 1, queued: 0, in_flight: 0 },
  ambiguous: 0,
  ...facts,
})

describe("the example's reckoning", () => {
  it('names every place an event is in', () => {
    const { text, holds } = ledgerEntry('otel', ledger())
    assert.equal(
      text,
      'otel: accepted 10 = delivered 6 + dropped 3 (disabled 1, unmatched_end 2) + pending 1 (held 1)',
    )
    assert.ok(holds)
  })

  it('sees an event that is nowhere, and one that is twice', () => {
    assert.ok(!ledgerEntry('otel', ledger({ accepted: 11 })).holds)
    assert.ok(!ledgerEntry('otel', ledger({ accepted: 9 })).holds)
  })

  it('wants as many spans as were delivered, no more than may have arrived besides', () => {
    assert.ok(spansEntry(ledger(), 1, 2).holds)
    assert.ok(!spansEntry(ledger(), 1, 1).holds)
    assert.ok(!spansEntry(ledger(), 2, 2).holds)
    assert.ok(spansEntry(ledger({ ambiguous: 2 }), 2, 2).holds)
    assert.ok(!spansEntry(ledger({ ambiguous: 2 }), 3, 2).holds)
  })

  it('wants a log record for each event that was delivered, and exact sums', () => {
    assert.ok(logsEntry(ledger(), 4, 2).holds)
    assert.ok(!logsEntry(ledger(), 3, 2).holds)
    assert.ok(!logsEntry(ledger(), 5, 2).holds)
    assert.ok(logsEntry(ledger({ ambiguous: 1 }), 5, 2).holds)
    const total = (metric: string): number => (metric === 'queuemizer.job.done' ? 5 : 1)
    assert.ok(sumsEntry(total, { done: 5, failed: 1 }).holds)
    assert.ok(!sumsEntry(total, { done: 6, failed: 1 }).holds)
    assert.ok(!sumsEntry(total, { done: 5, failed: 0 }).holds)
  })

  it('sums a counter over its labels, and takes no other for it', () => {
    const page = [
      '# TYPE jobs_total counter',
      'jobs_total{kind="a b"} 3',
      'jobs_total{kind="hash"} 4',
      'jobs_totally 9',
      'other_total 1',
    ].join('\n')
    assert.equal(counterOf(page, 'jobs_total'), 7)
    assert.equal(counterOf(page, 'other_total'), 1)
    assert.equal(counterOf(page, 'none_total'), 0)
  })

  it('wants every job on the page', () => {
    const page = 'queuemizer_job_done_total{kind="hash"} 5\nqueuemizer_job_failed_total{kind="hash"} 1\n'
    assert.ok(pageEntry(page, { done: 5, failed: 1 }).holds)
    assert.ok(!pageEntry(page, { done: 6, failed: 1 }).holds)
    assert.ok(!pageEntry('', { done: 5, failed: 1 }).holds)
  })
})
