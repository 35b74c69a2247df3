import type { Unit } from '../delivery/unit.ts'
import type { SystemPicture } from './control.ts'

/** Adds the states of the spool charts: each belongs to its unit, and not to the actor system of the others. */
export function withSpools(picture: SystemPicture, units: ReadonlyMap<string, Unit>): SystemPicture {
  const exporters = Object.entries(picture.exporters).map(([id, charts]) => {
    const spool = units.get(id)?.spool()
    return [id, spool ? { ...charts, spool: spool.state } : charts] as const
  })
  return { ...picture, exporters: Object.fromEntries(exporters) }
}
