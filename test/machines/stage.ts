/**
 * Each chart alone on a stage: its unit, its neighbours and its children only note what they are told, its work ends
 * when the test says so, and what it may hear is a list of commands by name.
 */
import { type AnyActorLogic, type AnyActorRef, createActor, fromPromise, type InspectionEvent } from 'xstate'
import {
  createCoverage,
  createEar,
  createFakeUnit,
  createSimulatedClock,
  type SimulatedClock,
} from '../../src/testing/index.ts'

/** What the charts on stages have reached so far in this process. */
export const coverage = createCoverage()

/** What happened on a stage, one line each, such as `unit.swap` or `breaker < permit.cancel`. */
export type Log = string[]

/** What a test makes a chart hear. A command that cannot be given now returns false. */
export type Commands = Readonly<Record<string, () => boolean | Promise<boolean>>>

/** A running chart with everything around it. */
export interface Stage {
  readonly actor: AnyActorRef
  readonly clock: SimulatedClock
  readonly log: Log
  readonly commands: Commands
  /** Its state in words. */
  show(): string
}

export interface StagedChart {
  readonly start: (inspect?: (event: InspectionEvent) => void) => Stage
  /** To each state in words: the commands that lead there from the start. */
  readonly ways: Readonly<Record<string, readonly string[]>>
}

/** Gives a chart a command, by its name. False: it cannot be given now. */
export async function give(stage: Stage, name: string): Promise<boolean> {
  const command = stage.commands[name]
  if (!command) throw new Error(`there is no command ${name}`)
  return command()
}

/** A chart in one of its states. */
export async function arrive(
  { start, ways }: StagedChart,
  state: string,
  inspect?: (event: InspectionEvent) => void,
): Promise<Stage> {
  const stage = start(inspect)
  for (const name of ways[state] ?? [])
    if (!(await give(stage, name))) throw new Error(`on the way to ${state}: ${name}`)
  return stage
}

interface Work {
  readonly name: string
  settle(error: Error | undefined, output: unknown): void
}

/** Placeholder actors that end when they are told to. A chart that leaves them aborts them. */
export function createWorks(log: Log, clock: SimulatedClock) {
  const running = new Set<Work>()

  const placeholder = (name: string, details: (input: never) => string = () => '') =>
    fromPromise<unknown, unknown>(({ input, signal }) => {
      log.push(`starts ${name}${details(input as never)}`)
      return new Promise((resolve, reject) => {
        const work: Work = {
          name,
          settle(error, output) {
            running.delete(work)
            if (error) reject(error)
            else resolve(output)
          },
        }
        running.add(work)
        signal.addEventListener('abort', () => {
          if (running.delete(work)) log.push(`aborts ${name}`)
        })
      })
    })

  const end = (name: string, error: Error | undefined, output: unknown) => async (): Promise<boolean> => {
    const work = [...running].findLast((one) => one.name === name)
    work?.settle(error, output)
    if (work) await clock.settle(2)
    return work !== undefined
  }

  return {
    placeholder,
    done: (name: string, output?: unknown) => end(name, undefined, output),
    fails: (name: string, error: Error = new Error(`${name} failed`)) => end(name, error, undefined),
  }
}

/** Fires the next timer, if there is one. */
export const nextTimer = (clock: SimulatedClock) => (): boolean => {
  const { nextTimerIn } = clock
  if (nextTimerIn === undefined) return false
  clock.increment(nextTimerIn)
  return true
}

/** Starts a chart whose steps count for the coverage, and are seen by `inspect` as well. */
export function startStaged(
  logic: AnyActorLogic,
  input: unknown,
  clock: SimulatedClock,
  inspect: (event: InspectionEvent) => void = () => {},
): AnyActorRef {
  const actor = createActor(logic, {
    input: input as never,
    clock,
    inspect: (event) => {
      coverage.inspect(event)
      inspect(event)
    },
  })
  // A chart that dies is the test's business.
  actor.subscribe({ error: () => {} })
  return actor
}

export { createEar, createFakeUnit }
export const newClock = createSimulatedClock
