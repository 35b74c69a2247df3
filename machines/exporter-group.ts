import { type ActorRefFrom, fromPromise, type Spawner } from 'xstate'
import { breakerMachine } from './breaker.ts'
import { deliveryMachine } from './delivery.ts'
import type { ExporterSettings, PlannedExporter } from './events.ts'
import { exporterMachine } from './exporter.ts'
import type { ExporterInput } from './exporter-setup.ts'
import type { UnitHandle } from './ports.ts'

/** The children of the system: the charts of one exporter, and a placeholder. */
export const systemActors = {
  exporter: exporterMachine,
  delivery: deliveryMachine,
  breaker: breakerMachine,
  /** Resolves in a later turn of the event loop, when other work has had its turn. */
  yield: fromPromise<void>(() => new Promise(() => {})),
}

/** The actors of one exporter. */
export interface ExporterGroup {
  readonly unit: UnitHandle
  /** In force. */
  readonly settings: ExporterSettings
  /** Counts its lives: a crash begins the next one. */
  readonly epoch: number
  readonly exporter: ActorRefFrom<typeof exporterMachine>
  readonly delivery: ActorRefFrom<typeof deliveryMachine>
  readonly breaker: ActorRefFrom<typeof breakerMachine>
  /** It is removed when it has stopped. */
  readonly leaving: boolean
}

type Actors = typeof systemActors
export type SpawnActor = Spawner<
  { [Src in keyof Actors]: { src: Src; logic: Actors[Src]; id: string | undefined } }[keyof Actors]
>

/**
 * Spawns an exporter's breaker, its delivery, and the exporter that leads both. Their ids carry the number of the life,
 * from the second one on, so that a crash tells whose it was; their system ids stay.
 * @param life `epoch`: 0 for its first one. `breaker`: one that has outlived the crash of the others.
 */
export function spawnGroup(
  spawn: SpawnActor,
  system: ExporterInput['system'],
  { unit, settings }: PlannedExporter,
  life: { readonly epoch: number; readonly breaker: ExporterGroup['breaker'] | undefined },
): ExporterGroup {
  const { epoch } = life
  const port = unit.life(epoch)
  const named = (kind: string) => ({
    id: epoch === 0 ? `${kind}:${unit.id}` : `${kind}:${unit.id}#${epoch}`,
    systemId: `${kind}:${unit.id}`,
  })
  const breaker =
    life.breaker ??
    spawn('breaker', { ...named('breaker'), input: { settings: settings.breaker, bypassed: unit.pulled } })
  const delivery = spawn('delivery', { ...named('delivery'), input: { unit: port, breaker } })
  const exporter = spawn('exporter', {
    ...named('exporter'),
    input: { unit: port, breaker, delivery, system, settings, hasCrashed: epoch > 0 },
  })
  return { unit, settings, epoch, exporter, delivery, breaker, leaving: false }
}
