import type { AnyMachineSnapshot, AnyStateMachine, EventFromLogic, InputFrom, SnapshotFrom } from 'xstate'

/** The options of every chart preset. */
export interface PresetOptions {
  /**
   * Whether `getShortestPaths` returns a path to each `state`, or a path that ends with each `transition`: each event
   * in each state. Default: `state`.
   */
  readonly pathPer?: 'state' | 'transition'
  /** How many transitions are looked at before the traversal counts as endless. Default: 1,000,000. */
  readonly limit?: number
}

/** The traversal options that `getShortestPaths` of `xstate/graph` takes. */
export interface PresetTraversal<Machine extends AnyStateMachine> {
  readonly input: InputFrom<Machine>
  /** Everything that the chart understands in a state, each event with a payload that fits the state. */
  readonly events: (snapshot: SnapshotFrom<Machine>) => readonly EventFromLogic<Machine>[]
  readonly serializeState: (
    snapshot: SnapshotFrom<Machine>,
    event: EventFromLogic<Machine> | undefined,
    previous?: SnapshotFrom<Machine>,
  ) => string
  readonly limit: number
}

/** A chart of `telemachine/machines`, and what it takes to generate paths through it. */
export interface ChartPreset<Machine extends AnyStateMachine> {
  readonly machine: Machine
  /** Give it to `getShortestPaths(machine, options)`. */
  readonly options: PresetTraversal<Machine>
}

interface Vocabulary<Machine extends AnyStateMachine> {
  readonly machine: Machine
  readonly input: InputFrom<Machine>
  /** Events of the chart's own vocabulary that may come in this state. */
  readonly events: (snapshot: SnapshotFrom<Machine>) => readonly { readonly type: string }[]
  /** By name of an invoked actor: what it may end with. Default: undefined. */
  readonly outputs?: Readonly<Record<string, readonly unknown[]>>
  /** Identifies a state beside its state value. Leave out versions, times and generations, which grow without bound. */
  readonly project: (snapshot: SnapshotFrom<Machine>) => unknown
}

type Sent = { readonly type: string; readonly [field: string]: unknown }

/** The ends of delays and invoked actors, which XState sends to the chart itself. */
function internalEvents(
  { _nodes: nodes }: AnyMachineSnapshot,
  outputs: Readonly<Record<string, readonly unknown[]>>,
): readonly Sent[] {
  const delays = nodes.flatMap((node) => node.after.map(({ eventType }) => ({ type: eventType })))
  const works = nodes.flatMap((node) =>
    node.invoke.flatMap(({ id, src }) => [
      ...(outputs[String(src)] ?? [undefined]).map((output) => ({
        type: `xstate.done.actor.${id}`,
        output,
        actorId: id,
      })),
      { type: `xstate.error.actor.${id}`, error: { message: 'the work failed' }, actorId: id },
    ]),
  )
  return [...delays, ...works]
}

/** The ids of actors end in the number of their life, which grows without end. */
const withoutLife = (key: string, value: unknown): unknown =>
  key === 'type' && typeof value === 'string' ? value.replace(/#\d+$/, '') : value

export function createPreset<Machine extends AnyStateMachine>(
  { machine, input, events, outputs = {}, project }: Vocabulary<Machine>,
  { pathPer = 'state', limit = 1_000_000 }: PresetOptions,
): ChartPreset<Machine> {
  type Snapshot = SnapshotFrom<Machine>
  type Event = EventFromLogic<Machine>
  // A traversal asks for each snapshot many times: as the end of one step, and as the start of several.
  const texts = new WeakMap<object, string>()
  const textOf = (snapshot: Snapshot): string => {
    const known = texts.get(snapshot)
    if (known !== undefined) return known
    const text = JSON.stringify([(snapshot as AnyMachineSnapshot).value, project(snapshot)], withoutLife)
    texts.set(snapshot, text)
    return text
  }

  return {
    machine,
    options: {
      input,
      limit,
      events(snapshot) {
        const current = snapshot as AnyMachineSnapshot
        // An actor in a final state hears nothing more.
        if (current.status !== 'active') return []
        const all = [...events(snapshot), ...internalEvents(current, outputs)]
        return all.filter(
          (event) => machine.getTransitionData(current as never, event as never).length > 0,
        ) as unknown as Event[]
      },
      serializeState: (snapshot, event, previous) =>
        pathPer === 'state' || !previous
          ? textOf(snapshot)
          : `[${textOf(snapshot)},${JSON.stringify(event, withoutLife)},${textOf(previous)}]`,
    },
  }
}
