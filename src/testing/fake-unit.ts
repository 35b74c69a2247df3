import { type AnyActorRef, createActor, type EventObject, fromCallback } from 'xstate'
import type { SpoolPort, UnitHandle, UnitPort, WorkEvent } from '../../machines/index.ts'

/** The options of {@link createFakeUnit}. */
export interface FakeUnitOptions {
  /** The exporter's id. Default: `test`. */
  readonly id?: string
  /** Whether it is a pull exporter. Default: false. */
  readonly pulled?: boolean
}

/** A unit without telemetry, for charts that run alone: it only notes what they tell it. */
export interface FakeUnit {
  /** The input of `exporterMachine` and `deliveryMachine`. Notes lines such as `unit.swap`. */
  readonly unit: UnitPort
  /** What `systemMachine` is given. The ports of its lives name the life: `otel life 1: commit`. */
  readonly handle: UnitHandle
  /** Tells the delivery chart that listens something, as a real unit would. */
  tell(event: WorkEvent): void
}

const methods = [
  ...['look', 'requestFlush', 'endWave', 'failFlush', 'subscribe', 'unsubscribe', 'swap', 'discard'],
  ...['commit', 'abort', 'tick', 'cut', 'forgive', 'serve'],
] as const

/**
 * Makes a fake unit for the charts of `telemachine/machines`.
 *
 * @param log Gets one line for each call, in order.
 */
export function createFakeUnit(
  log: string[] = [],
  { id = 'test', pulled = false }: FakeUnitOptions = {},
): FakeUnit {
  let listener: ((event: WorkEvent) => void) | undefined
  const port = Object.fromEntries(methods.map((method) => [method, () => void log.push(`unit.${method}`)]))
  const unit = {
    ...port,
    id,
    pulled,
    listen: (next: (event: WorkEvent) => void) => {
      listener = next
    },
    abandon: (reason: string) => void log.push(`unit.abandon ${reason}`),
    noteError: (error: unknown) => void log.push(`unit.noteError ${String(error)}`),
  } as unknown as UnitPort
  const handle: UnitHandle = {
    id,
    pulled,
    life: (epoch) => ({
      ...unit,
      commit: () => void log.push(`${id} life ${epoch}: commit`),
      abort: () => void log.push(`${id} life ${epoch}: abort`),
      abandon: (reason: string) => void log.push(`${id} life ${epoch}: abandon ${reason}`),
    }),
    noteCrash: (error) => void log.push(`${id} noteCrash ${String(error)}`),
  }
  return { unit, handle, tell: (event) => listener?.(event) }
}

/**
 * Makes a fake disk for the spool chart.
 *
 * @param log Gets one line for each call, in order.
 */
export const createFakeSpool = (log: string[] = []): SpoolPort => ({
  id: 'test',
  allow: () => void log.push('spool.allow'),
  forbid: () => void log.push('spool.forbid'),
  noteError: (error) => void log.push(`spool.noteError ${String(error)}`),
})

/**
 * Makes and starts an actor that only logs the events it gets, in place of a neighbour of a chart: the breaker of a
 * delivery chart, the holder of a permit.
 *
 * @param log Gets one line for each event, such as `breaker < permit.cancel`.
 * @param say Makes the text of an event. Default: its type.
 */
export function createEar(
  log: string[],
  name: string,
  say: (event: EventObject) => string = ({ type }) => type,
): AnyActorRef {
  const logic = fromCallback<EventObject>(({ receive }) =>
    receive((event) => void log.push(`${name} < ${say(event)}`)),
  )
  return createActor(logic, { id: name }).start()
}
