import type { Clock } from '../clock.ts'

/** An event of the control plane; plain JSON. */
export interface HistoryEntry {
  /** Epoch milliseconds. */
  readonly at: number
  readonly kind: 'exporter' | 'breaker' | 'endpoint' | 'spool' | 'config' | 'crash'
  /** The exporter that the event is about. A configuration change may be about several. */
  readonly id?: string
  /** Index of the endpoint whose breaker it is, where the exporter has several. */
  readonly endpoint?: number
  /** States, or configuration versions, before and after. */
  readonly from?: string
  readonly to?: string
  /** A text without secrets, at most 1,024 characters long. */
  readonly message?: string
}

/** The last transitions of the control plane, kept so that one can see what happened before one looked. */
export interface Recorder {
  /** Notes one thing, now. Never throws. Meant for transitions: never call it per telemetry event. */
  record(entry: Omit<HistoryEntry, 'at'>): void
  /** Oldest first; a copy. */
  history(): HistoryEntry[]
}

const maxText = 1_024

/** Cuts between characters, never inside one. */
function short(text: string): string {
  if (text.length <= maxText) return text
  const last = text.charCodeAt(maxText - 2)
  const end = last >= 0xd800 && last <= 0xdbff ? maxText - 2 : maxText - 1
  return `${text.slice(0, end)}…`
}

/**
 * @param limit entries kept; the oldest makes room. Default 200, about 60 KB at worst with ordinary messages.
 * 0 keeps none.
 */
export function createRecorder({ clock, limit = 200 }: { clock: Clock; limit?: number }): Recorder {
  const size = Number.isFinite(limit) ? Math.max(0, Math.floor(limit)) : 200
  const ring: HistoryEntry[] = []
  let oldest = 0

  return {
    record({ kind, id, endpoint, from, to, message }) {
      if (size === 0) return
      const entry: HistoryEntry = {
        at: clock.now(),
        kind,
        ...(id !== undefined && { id: short(id) }),
        ...(endpoint !== undefined && { endpoint }),
        ...(from !== undefined && { from: short(from) }),
        ...(to !== undefined && { to: short(to) }),
        ...(message !== undefined && { message: short(message) }),
      }
      if (ring.length < size) ring.push(entry)
      else {
        ring[oldest] = entry
        oldest = (oldest + 1) % size
      }
    },
    history: () => [...ring.slice(oldest), ...ring.slice(0, oldest)].map((entry) => ({ ...entry })),
  }
}
