import type { DropReason } from './ledger.ts'

/** Collects drops and announces them together, so that a flood of drops is no flood of reports. */
export function createDropReports(announce: (reason: DropReason, count: number) => void): {
  note(reason: DropReason, count: number): void
  announce(): void
} {
  const counts = new Map<DropReason, number>()
  return {
    note: (reason, count) => void counts.set(reason, (counts.get(reason) ?? 0) + count),
    announce() {
      for (const [reason, count] of counts) announce(reason, count)
      counts.clear()
    },
  }
}
