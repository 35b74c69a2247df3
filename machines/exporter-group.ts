import { type ActorRefFrom, type AnyActorRef, fromPromise, type Spawner } from 'xstate'
import { breakerMachine } from './breaker.ts'
import { deliveryMachine } from './delivery.ts'
import type { BreakerRef, ExporterSettings, PlannedExporter } from './events.ts'
import { exporterMachine } from './exporter.ts'
import type { ExporterInput } from './exporter-setup.ts'
import { failoverMachine } from './failover.ts'
import type { UnitHandle } from './ports.ts'

/** The children of the system: the charts of one exporter, and a placeholder. */
export const systemActors = {
  exporter: exporterMachine,
  delivery: deliveryMachine,
  breaker: breakerMachine,
  failover: failoverMachine,
  /** Resolves in a later turn of the event loop, when other work has had its turn. */
  yield: fromPromise<void>(() => new Promise(() => {})),
}

/** The actor of one endpoint's circuit breaker. */
export type BreakerActor = ActorRefFrom<typeof breakerMachine>
/** The actor that chooses the endpoint of an exporter with several. */
export type FailoverActor = ActorRefFrom<typeof failoverMachine>

/** The actors of one exporter. */
export interface ExporterGroup {
  readonly unit: UnitHandle
  /** In force. */
  readonly settings: ExporterSettings
  /** Counts its lives: a crash begins the next one. */
  readonly epoch: number
  readonly exporter: ActorRefFrom<typeof exporterMachine>
  readonly delivery: ActorRefFrom<typeof deliveryMachine>
  /** One for each endpoint, the primary's first. */
  readonly breakers: readonly BreakerActor[]
  /** Says which endpoint serves, where there are several. */
  readonly failover: FailoverActor | undefined
  /** It is removed when it has stopped. */
  readonly leaving: boolean
}

type Actors = typeof systemActors
export type SpawnActor = Spawner<
  { [Src in keyof Actors]: { src: Src; logic: Actors[Src]; id: string | undefined } }[keyof Actors]
>

/** Who grants the permits of an exporter. */
export const gateOf = ({ breakers, failover }: Pick<ExporterGroup, 'breakers' | 'failover'>): BreakerRef =>
  failover ?? (breakers[0] as BreakerActor)

/** The actors of an exporter in the order in which they stop. */
export const actorsOf = ({ breakers, failover, delivery, exporter }: ExporterGroup) => [
  ...breakers,
  ...(failover ? [failover] : []),
  delivery,
  exporter,
]

/** Names of a life's actors: from the second one on they carry its number, so that a crash tells whose it was. */
const namesIn =
  (epoch: number, { id }: UnitHandle) =>
  (kind: string, endpoint = 0) => {
    const place = endpoint === 0 ? '' : `@${endpoint}`
    return {
      id: epoch === 0 ? `${kind}:${id}${place}` : `${kind}:${id}${place}#${epoch}`,
      systemId: `${kind}:${id}${place}`,
    }
  }

/** The breakers of an exporter's endpoints; those of `kept` go on. */
function spawnBreakers(
  spawn: SpawnActor,
  { unit, settings }: PlannedExporter,
  epoch: number,
  kept: readonly (BreakerActor | undefined)[],
): readonly BreakerActor[] {
  const named = namesIn(epoch, unit)
  return Array.from(
    { length: endpointsOf(settings) },
    (_, endpoint) =>
      kept[endpoint] ??
      spawn('breaker', {
        ...named('breaker', endpoint),
        input: { settings: settings.breaker, bypassed: unit.pulled, endpoint },
      }),
  )
}

function spawnFailover(
  spawn: SpawnActor,
  { unit }: PlannedExporter,
  epoch: number,
  breakers: readonly BreakerActor[],
): FailoverActor | undefined {
  if (breakers.length === 1) return undefined
  return spawn('failover', {
    ...namesIn(epoch, unit)('failover'),
    input: { unit: unit.life(epoch), breakers },
  })
}

/**
 * Spawns an exporter's breakers, its delivery, and the exporter that leads them; with several endpoints also what
 * chooses among them. Their ids carry the number of the life; their system ids stay.
 * @param life `epoch`: 0 for its first one. `breakers`: those that have outlived the crash of the others.
 */
export function spawnGroup(
  spawn: SpawnActor,
  system: ExporterInput['system'],
  planned: PlannedExporter,
  life: { readonly epoch: number; readonly breakers: readonly (BreakerActor | undefined)[] },
): ExporterGroup {
  const { unit, settings } = planned
  const { epoch } = life
  const port = unit.life(epoch)
  const named = namesIn(epoch, unit)
  const breakers = spawnBreakers(spawn, planned, epoch, life.breakers)
  const failover = spawnFailover(spawn, planned, epoch, breakers)
  const breaker = gateOf({ breakers, failover })
  const delivery = spawn('delivery', { ...named('delivery'), input: { unit: port, breaker } })
  const exporter = spawn('exporter', {
    ...named('exporter'),
    input: { unit: port, breaker, delivery, system, settings, hasCrashed: epoch > 0 },
  })
  return { unit, settings, epoch, exporter, delivery, breakers, failover, leaving: false }
}

/** How many endpoints an exporter has. */
export const endpointsOf = ({ endpoints = 1 }: ExporterSettings): number => endpoints

/** An exporter with the number of endpoints that new settings say: the breakers of those that stay go on. */
export function withEndpoints(
  spawn: SpawnActor,
  group: ExporterGroup,
  settings: ExporterSettings,
): ExporterGroup {
  const planned = { unit: group.unit, settings }
  const breakers = spawnBreakers(spawn, planned, group.epoch, group.breakers)
  const failover =
    breakers.length === 1
      ? undefined
      : (group.failover ?? spawnFailover(spawn, planned, group.epoch, breakers))
  return { ...group, breakers, failover }
}

/** The actors of an exporter that new settings make superfluous. */
export const surplusActors = (
  { breakers, failover }: ExporterGroup,
  settings: ExporterSettings,
): readonly AnyActorRef[] => [
  ...breakers.slice(endpointsOf(settings)),
  ...(failover && endpointsOf(settings) === 1 ? [failover] : []),
]
