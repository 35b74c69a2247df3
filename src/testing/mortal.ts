import { type AnyActorRef, enqueueActions } from 'xstate'
import type { ExporterEvent, systemMachine } from '../../machines/index.ts'
import { wireExporter, wireSystem } from '../control/effects.ts'

/** Kills whatever exporter chart looks into it, which it does in every state. */
function fatalEvent(reason: string): ExporterEvent {
  const die = (): never => {
    throw new Error(reason)
  }
  return Object.defineProperties(
    { type: 'config.prepare' },
    { effect: { get: die }, version: { get: die }, settings: { get: die } },
  ) as ExporterEvent
}

/** A wired system of charts whose exporters can be made to crash, in whatever state they are. */
export function mortalSystem(): {
  machine: typeof systemMachine
  crash: (id: string, reason?: string) => void
} {
  const actors = new Map<string, AnyActorRef>()
  const exporter = wireExporter().provide({
    actions: {
      announce: enqueueActions(({ context, self, enqueue }) => {
        actors.set(context.unit.id, self)
        enqueue.emit({ type: 'state.shown' })
      }),
    },
  })
  return {
    machine: wireSystem({ exporter }),
    crash: (id, reason = 'the actor crashed') => actors.get(id)?.send(fatalEvent(reason)),
  }
}
