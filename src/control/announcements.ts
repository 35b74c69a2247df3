import type { Bus } from '../bus/bus.ts'
import type { SettledChange } from '../config/reporting/reports.ts'
import type { Unit } from '../delivery/unit.ts'
import type { Logger } from '../logger.ts'
import type { StateChange } from './control.ts'
import type { Recorder } from './recorder.ts'

/** Keys of a refused change in the history: its problems are to have room, too. */
const mostNamed = 8

const primary = '0'
/** States that somebody should look at. */
const troubledStates: ReadonlySet<string> = new Set([
  'restarting',
  'failed',
  'retrying',
  'open',
  'failing',
  'full',
])
const wellStates: ReadonlySet<string> = new Set(['closed', primary])

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
    stateChanged({ id, what, from, to, endpoint }) {
      const unit = units.get(id)
      const message = unit?.lastError()?.message
      const troubled = troubledStates.has(to) || (what === 'endpoint' && to !== primary)
      const place = endpoint === undefined ? {} : { endpoint }
      const url = what === 'endpoint' ? unit?.endpoints()[Number(to)]?.url : undefined
      const details = { exporter: id, ...place, from, to, ...(url !== undefined && { url }) }
      const why = troubled && message !== undefined ? { error: message } : {}
      recorder.record({ kind: what, id, ...place, from, to, ...(troubled && { message }) })
      if (troubled) logger.warn({ ...details, ...why }, `${what} is ${to}`)
      else logger.info(details, `${what} is ${to}`)
      // An exporter that fails while it carries self-telemetry is counted only, or two exporters would feed each other.
      if ((what === 'breaker' || what === 'endpoint') && !wellStates.has(to) && unit?.latestWasSelf()) return
      bus.emitSelf(
        `telemetry.${what}.state`,
        { count: 1 },
        { exporter: id, ...place, from, to },
        { exporter: id },
      )
    },
  }
}
