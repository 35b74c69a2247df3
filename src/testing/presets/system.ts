import type { ActorLogic, EventObject, Snapshot } from 'xstate'
import { type PlannedChange, systemMachine } from '../../../machines/index.ts'
import { createFakeUnit } from '../fake-unit.ts'
import { presetExporterSettings as settings } from './exporter.ts'
import { type ChartPreset, createPreset, type PresetOptions } from './preset.ts'

/**
 * A child of the system that has nothing to do. It is done from the start, which frees its name in the actor system:
 * a traversal goes from one state on to several next lives of the same exporter, and all of them have that name.
 */
const idle: ActorLogic<Snapshot<undefined>, EventObject, unknown> = {
  transition: (snapshot) => snapshot,
  getInitialSnapshot: () => ({ status: 'done', output: undefined, error: undefined }),
  getPersistedSnapshot: (snapshot) => snapshot,
}

const version = 1

/** The options of {@link systemPreset}. */
export interface SystemPresetOptions extends PresetOptions {
  /** How many exporters a stop tells in a turn of the event loop. Default: 16, which is more than there are. */
  readonly perTurn?: number
}

/**
 * Makes the preset of `systemMachine` over the exporters `one` and `two`; a change may add `three`. Its machine is the
 * system's with children that do nothing: their answers and crashes are events of the traversal.
 */
export function systemPreset({
  perTurn,
  ...options
}: SystemPresetOptions = {}): ChartPreset<typeof systemMachine> {
  const planned = (id: string) => ({ unit: createFakeUnit([], { id }).handle, settings })
  const [one, two, three] = ['one', 'two', 'three'].map(planned)
  const change = (exporter: typeof one, effect: PlannedChange['effect']): PlannedChange => ({
    ...exporter!,
    effect,
    keys: ['endpoint'],
  })
  const changeOf = (...changes: readonly PlannedChange[]) => ({ type: 'config.change', version, changes })

  return createPreset(
    {
      machine: systemMachine.provide({
        actors: { exporter: idle, delivery: idle, breaker: idle } as never,
      }) as typeof systemMachine,
      input: { exporters: [one!, two!], ...(perTurn !== undefined && { perTurn }) },
      events: ({ context: { groups, awaiting } }) => [
        changeOf(),
        ...(groups.one && groups.two ? [changeOf(change(one, 'rebuild'), change(two, 'rebuild'))] : []),
        ...(groups.two ? [] : [{ type: 'exporters.add', exporters: [two!] }]),
        ...(groups.two && !groups.three ? [changeOf(change(three, 'add'), change(two, 'remove'))] : []),
        ...awaiting.flatMap((id) => [
          { type: 'config.prepared', id, version },
          { type: 'config.refused', id, version, reason: 'no' },
          { type: 'config.acknowledged', id, version },
        ]),
        ...Object.entries(groups).flatMap(([id, group]) => [
          { type: 'exporter.stopped', id },
          { type: `xstate.done.actor.${group.exporter.id}` },
          ...[group.exporter, group.delivery, ...group.breakers].map((actor) => ({
            type: `xstate.error.actor.${actor.id}`,
            error: { message: 'it crashed' },
          })),
        ]),
        { type: 'exporters.flush', ids: ['one'] },
        { type: 'exporter.restart', id: 'one' },
        { type: 'breaker.command', id: 'one', command: 'force_open' },
        { type: 'system.stop', timeoutMs: 3_000 },
      ],
      project: ({ context: { groups, awaiting, transaction } }) => [
        Object.entries(groups)
          .map(([id, { leaving }]) => (leaving ? `${id}, leaving` : id))
          .sort(),
        [...awaiting].sort(),
        transaction.changes.map(({ unit, effect }) => `${effect} ${unit.id}`),
        [...new Set(transaction.refusals.map(({ id }) => id))].sort(),
      ],
    },
    options,
  )
}
