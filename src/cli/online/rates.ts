import type { ExporterStatus, TelemetryStatus } from '../../status.ts'

/** One exporter at one moment, with what happened since the moment before. */
export interface ExporterView {
  readonly id: string
  readonly status: ExporterStatus
  /** Events a second: taken, and lost (what was given up on purpose is not lost). */
  readonly rate: number
  readonly lossRate: number
  readonly queued: number
  /** Part of `queue_size` that is taken, 0 to 1; undefined without a queue. */
  readonly queueShare: number | undefined
  /** Given up for any reason, and of these the lost ones. */
  readonly dropped: number
  readonly lost: number
  /** Rates of the last intervals, oldest first. */
  readonly trend: readonly number[]
}

export interface SystemView {
  readonly system: string
  /** Epoch milliseconds of this machine. */
  readonly at: number
  /** Events a second that the program emits. */
  readonly rate: number
  readonly unrouted: number
  /** Worst first. */
  readonly exporters: readonly ExporterView[]
}

/** Rates that a trend has at most. */
const maxTrend = 60

const sum = (counts: Readonly<Partial<Record<string, number>>>): number =>
  Object.values(counts).reduce<number>((all, count) => all + (count ?? 0), 0)

/** Reasons by which nothing is lost that anybody wanted, see docs/ledger.md. */
const harmless: ReadonlySet<string> = new Set(['ignored', 'not_a_span', 'sampled_out', 'disabled'])

const lostOf = ({ ledger }: ExporterStatus): number =>
  sum(Object.fromEntries(Object.entries(ledger.dropped).filter(([reason]) => !harmless.has(reason))))

const queuedOf = ({ ledger: { pending } }: ExporterStatus): number => pending.queued + pending.buffered

function shareOf({ config, ledger }: ExporterStatus): number | undefined {
  const { queue_size: size } = config
  return typeof size === 'number' && size > 0
    ? (ledger.pending.queued + ledger.pending.in_flight) / size
    : undefined
}

/** How urgently an exporter needs attention. */
export function severity({ status, lossRate, queueShare = 0 }: ExporterView): number {
  if (status.state === 'disabled') return -1
  if (status.state === 'failed') return 6
  if (status.state === 'retrying' || status.state === 'restarting') return 5
  if (status.breaker === 'open') return 4
  if (status.breaker === 'forced_open' || status.breaker === 'half_open') return 3
  if (lossRate > 0) return 2
  const isDegraded = status.endpoints?.some(({ breaker }) => breaker !== 'closed' && breaker !== 'disabled')
  return queueShare > 0.5 || status.state !== 'serving' || isDegraded ? 1 : 0
}

export interface Rates {
  /** Adds a status. `at`: epoch milliseconds; `elapsed`: milliseconds that only grow. */
  add(status: TelemetryStatus, at: number, elapsed: number): SystemView
}

/** Turns the counters of successive statuses into rates. The first has none: they read 0. */
export function createRates(): Rates {
  const trends = new Map<string, number[]>()
  let before: { readonly status: TelemetryStatus; readonly elapsed: number } | undefined

  return {
    add: (status, at, elapsed) => {
      const seconds = before === undefined ? 0 : (elapsed - before.elapsed) / 1000
      // Less than before: the service has started again, and counts from zero.
      const perSecond = (now: number, was: number): number =>
        seconds <= 0 ? 0 : (now >= was ? now - was : now) / seconds

      const exporters = Object.entries(status.exporters).map(([id, one]): ExporterView => {
        const was = before?.status.exporters[id]
        const rate = perSecond(one.ledger.accepted, was?.ledger.accepted ?? one.ledger.accepted)
        const lost = lostOf(one)
        const trend = trends.get(id) ?? []
        if (before !== undefined) trend.push(rate)
        if (trend.length > maxTrend) trend.shift()
        trends.set(id, trend)
        return {
          id,
          status: one,
          rate,
          lossRate: perSecond(lost, was === undefined ? lost : lostOf(was)),
          queued: queuedOf(one),
          queueShare: shareOf(one),
          dropped: sum(one.ledger.dropped),
          lost,
          trend: [...trend],
        }
      })
      for (const id of trends.keys()) if (!Object.hasOwn(status.exporters, id)) trends.delete(id)
      const rate = perSecond(status.bus.emitted, before?.status.bus.emitted ?? status.bus.emitted)
      before = { status, elapsed }
      exporters.sort((a, b) => severity(b) - severity(a) || (a.id < b.id ? -1 : 1))
      return { system: status.system, at, rate, unrouted: status.bus.unrouted, exporters }
    },
  }
}
