import { createActor, fromCallback, fromPromise } from 'xstate'
import {
  type BreakerEvent,
  type ExporterEvent,
  exporterMachine,
  type SystemReport,
  type UnitPort,
  type WaveReport,
} from '../../machines/index.ts'
import { createSimulatedClock, type SimulatedClock } from '../../src/testing/index.ts'
import { coverage } from '../support/coverage.ts'

/** What a unit says when it is asked; a test changes it at will. */
export interface Facts {
  hasClient: boolean
  hasRetiring: boolean
  hasWork: boolean
  batchDue: boolean
  mustCool: boolean
  msUntilDue: number
}

/** A unit that holds nothing and notes what it is told. */
export function createFakeUnit(clock: SimulatedClock) {
  const facts: Facts = {
    hasClient: true,
    hasRetiring: false,
    hasWork: false,
    batchDue: false,
    mustCool: false,
    msUntilDue: 500,
  }
  const told: string[] = []
  const note = (what: string) => () => void told.push(what)
  const unit: UnitPort = {
    id: 'test',
    pulled: false,
    enabled: () => true,
    ingest: note('ingest'),
    subscribe: note('subscribe'),
    unsubscribe: note('unsubscribe'),
    hasClient: () => facts.hasClient,
    hasRetiring: () => facts.hasRetiring,
    swap: note('swap'),
    discard: note('discard'),
    commit: note('commit'),
    abort: note('abort'),
    hasWork: () => facts.hasWork,
    batchDue: () => facts.batchDue,
    msUntilDue: () => facts.msUntilDue,
    mustCool: () => facts.mustCool,
    msUntilRetry: () => 500,
    msUntilReopen: () => 500,
    msToDrain: () => 5000,
    requestFlush: note('flush'),
    tick: note('tick'),
    cut: note('cut'),
    abandon: (reason) => void told.push(`abandon ${reason}`),
    noteError: (error) => void told.push(String(error)),
    breakerSettings: () => ({ failureThreshold: 5, resetTimeoutMs: 1000, probeTimeoutMs: 1000 }),
    now: () => clock.now(),
  }
  return { unit, facts, told }
}

interface Work {
  readonly name: string
  done(output?: WaveReport): Promise<void>
  fails(): Promise<void>
}

/** The exporter's chart alone, on a stage: its unit, breaker and system only listen, its work ends when told to. */
export function stageExporter() {
  const clock = createSimulatedClock()
  const { unit, facts, told } = createFakeUnit(clock)
  const works: Work[] = []
  const toBreaker: BreakerEvent[] = []
  const toSystem: SystemReport[] = []

  const work = <Output>(name: string): Promise<Output> =>
    new Promise<unknown>((resolve, reject) => {
      works.push({
        name,
        done: (output) => {
          resolve(output)
          return clock.settle(2)
        },
        fails: () => {
          reject(new Error(`${name} failed`))
          return clock.settle(2)
        },
      })
    }) as Promise<Output>
  const ear = <Event extends { type: string }>(heard: Event[]) => {
    const actor = createActor(
      fromCallback<Event>(({ receive }) => receive((event) => void heard.push(event))),
    )
    actor.start()
    return actor
  }

  const actor = createActor(
    exporterMachine.provide({
      actors: {
        open: fromPromise(() => work('open')),
        prepare: fromPromise(() => work('prepare')),
        exportWave: fromPromise(() => work('export')),
        retire: fromPromise(() => work('retire')),
        drain: fromPromise(() => work('drain')),
        close: fromPromise(() => work('close')),
      },
    }),
    {
      input: { unit, breaker: ear(toBreaker) as never, system: ear(toSystem) as never },
      clock,
      inspect: coverage.inspect,
    },
  )
  actor.start()

  return {
    clock,
    facts,
    told,
    toBreaker,
    toSystem,
    send: (event: ExporterEvent): void => actor.send(event),
    get state() {
      return actor.getSnapshot().value
    },
    matches: (state: Parameters<ReturnType<typeof actor.getSnapshot>['matches']>[0]): boolean =>
      actor.getSnapshot().matches(state),
    /** The newest work of a name. */
    work(name: string): Work {
      const found = works.findLast((one) => one.name === name)
      if (!found) throw new Error(`there is no ${name}; there is ${works.map((one) => one.name)}`)
      return found
    },
    async serve(): Promise<void> {
      actor.send({ type: 'exporter.enable' })
      await this.work('open').done()
    },
  }
}
