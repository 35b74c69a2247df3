import assert from 'node:assert/strict'
import type { LedgerStatus } from '../../src/delivery/ledger.ts'

const sum = (counts: Readonly<Record<string, number | undefined>>): number =>
  Object.values(counts).reduce<number>((total, count) => total + (count ?? 0), 0)

/** Accepted = delivered + dropped + pending, with no part negative. */
export function assertExact(ledger: LedgerStatus, message = ''): void {
  const { accepted, delivered, dropped, pending, ambiguous } = ledger
  const parts = { accepted, delivered, ambiguous, ...dropped, ...pending }
  for (const [name, count] of Object.entries(parts))
    assert.ok(Number.isSafeInteger(count) && count >= 0, `${message} ${name} is ${count}`)
  assert.equal(delivered + sum(dropped) + sum(pending), accepted, `${message} ${JSON.stringify(ledger)}`)
}

export const totalPending = ({ pending }: LedgerStatus): number => sum(pending)
