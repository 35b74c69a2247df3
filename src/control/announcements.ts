import type { Bus } from '../bus/bus.ts'
import type { SettledChange } from '../config/reporting/reports.ts'
import type { Unit } from '../delivery/unit.ts'
import type { Logger } from '../logger.ts'
import type { StateChange } from './control.ts'
import type { Recorder } from './recorder.ts'

/** Keys of a refused change in the history: its problems are to have room, too. */
const mostNamed = 8

/** States that somebody should look at. */
const troubles: ReadonlySet<string> = new Set(['restarting', 'failed', 'retrying', 'open', 'failing', 'full'])

/** Tells of what happens in the control plane: in the history, in the log, and as self-telemetry. */
export interface Announcements {
  changeSettled(change: SettledChange): void
  stateChanged(change: StateChange): void
}

export function createAnnouncements({
  bus,
  recorder,
  logger,
  units,
}: {
  bus: Bus
  recorder: Recorder
  logger: Logger
  units: ReadonlyMap<string, Unit>
}): Announcements {
  return {
    changeSettled({ type, source, version, changes, problems, keys: asked = [] }) {
      const keys = changes?.map(({ path }) => path) ?? asked
      const named = keys.length > mostNamed ? [...keys.slice(0, mostNamed), '…'] : keys
      const refusal = problems?.map(({ message }) => message).join('; ')
      recorder.record({
        kind: 'config',
        to: String(version),
        message: problems
          ? `refused (${source}): ${[named.join(', '), refusal].filter(Boolean).join(': ')}`
          : `applied (${source}): ${keys.join(', ')}`,
      })
      if (type === 'applied') logger.info({ source, version, keys }, 'configuration changed')
      bus.emitSelf(
        `telemetry.config.${type}`,
        { count: 1 },
        {
          source,
          version,
          ...(changes && { keys }),
          ...(problems && { problems: problems.map(({ message }) => message) }),
        },
      )
    },
    stateChanged({ id, what, from, to }) {
      const message = units.get(id)?.lastError()?.message
      const troubled = troubles.has(to)
      const details = { exporter: id, from, to, ...(troubled && message !== undefined && { error: message }) }
      recorder.record({ kind: what, id, from, to, ...(troubled && { message }) })
      if (troubled) logger.warn(details, `${what} is ${to}`)
      else logger.info(details, `${what} is ${to}`)
      // What fails while it carries self-telemetry is counted only, or two exporters would feed each other.
      if (what === 'breaker' && to !== 'closed' && units.get(id)?.latestWasSelf()) return
      bus.emitSelf(`telemetry.${what}.state`, { count: 1 }, { exporter: id, from, to }, { exporter: id })
    },
  }
}
