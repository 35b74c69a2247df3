import type { PlannedChange } from '../../machines/index.ts'
import type { ConfigPlan, ExporterChange, ExporterConfig } from '../config/changes/plan.ts'
import { isForbiddenAddress } from '../config/destinations.ts'
import type { Setup } from '../delivery/clients.ts'
import { settingsOf } from '../delivery/settings.ts'
import type { Unit } from '../delivery/unit.ts'
import { TelemetryConfigError, TelemetryError } from '../errors.ts'
import type { Control } from './control.ts'

export const setupOf = ({ config, guarded }: ExporterConfig): Setup => ({
  config,
  forbidAddress: guarded ? isForbiddenAddress : undefined,
})

/** Carries validated plans through the charts: prepared everywhere, then in force everywhere or nowhere. */
export interface Changes {
  /** @throws TelemetryConfigError naming every exporter that refused; nothing has changed then. */
  apply(plan: ConfigPlan, control: Control): Promise<void>
  /** An exporter that was removed has drained and gone. */
  departed(id: string): void
  /** Ends every wait: telemetry stops. */
  stop(): void
}

export function createChanges(
  units: ReadonlyMap<string, Unit>,
  addUnit: (id: string, exporter: ExporterConfig) => Unit,
): Changes {
  const departures = new Map<string, () => void>()
  let stopped = false

  /** An exporter that is added again while it still drains waits for its predecessor. */
  const departure = async (id: string): Promise<void> => {
    if (units.has(id) && !stopped) await new Promise<void>((resolve) => departures.set(id, resolve))
    departures.delete(id)
    if (stopped) throw new TelemetryError('STOPPED', 'telemetry has stopped')
  }

  const planned = ({ id, effect, after, keys }: ExporterChange): PlannedChange[] => {
    const unit = effect === 'add' && after ? addUnit(id, after) : units.get(id)
    if (!unit) return []
    if (effect !== 'add' && after) unit.stage(setupOf(after))
    return [{ unit, effect, settings: settingsOf(unit.definition, after?.config ?? unit.config()), keys }]
  }

  return {
    async apply({ version, exporters }, control) {
      for (const { id, effect } of exporters) if (effect === 'add') await departure(id)
      const changes = exporters.flatMap(planned)
      if (changes.length === 0) return
      const refusals = await control.change(version, changes)
      if (refusals.length === 0) return
      throw new TelemetryConfigError(
        refusals.map(({ id, reason }) => ({
          code: 'EXPORTER_REFUSED',
          path: id ? `telemetry.${id}` : 'telemetry',
          message: id ? `telemetry.${id} cannot be changed: ${reason}` : reason,
        })),
      )
    },
    departed: (id) => departures.get(id)?.(),
    stop() {
      stopped = true
      for (const resolve of departures.values()) resolve()
    },
  }
}
