import type { TelemetryEvent } from '../../src/bus/event.ts'
import type { Outcome } from '../../src/exporters/outcome.ts'
import type { Random } from './random.ts'

/** What stands behind the mock exporter: it answers as a driver must not. */
export interface MockBackend {
  /** Events taken, each as often as it was. */
  readonly taken: number
  hostile: boolean
  readonly open: () => void | Promise<void>
  readonly export: (batch: readonly TelemetryEvent[]) => Outcome | Promise<Outcome>
}

const cause = new Error('down')

export function createMockBackend(random: Random, onFault: (name: string) => void): MockBackend {
  let taken = 0
  const take = (batch: readonly TelemetryEvent[]): void => {
    taken += batch.length
  }
  const maybe = (batch: readonly TelemetryEvent[]): void => {
    if (random.chance(0.5)) take(batch)
  }
  type Answer = (batch: readonly TelemetryEvent[]) => Outcome | Promise<Outcome>
  const answers: Readonly<Record<string, Answer>> = {
    'mock: down': () => ({ type: 'retry', cause }),
    'mock: busy': () => ({ type: 'retry', afterSeconds: 0.3, cause }),
    'mock: refused': () => ({ type: 'refused', cause }),
    'mock: ill': () => ({ type: 'refused', unhealthy: true, cause }),
    'mock: misdirected': () => ({ type: 'misdirected', cause }),
    'mock: too large': () => ({ type: 'too_large' }),
    'mock: partial': (batch) => {
      take(batch.slice(0, -2))
      return { type: 'delivered', rejected: Math.min(2, batch.length) }
    },
    'mock: emptied': (batch) => {
      take(batch)
      ;(batch as TelemetryEvent[]).length = 0
      return { type: 'delivered' }
    },
    'mock: doubtful': (batch) => {
      maybe(batch)
      return { type: 'retry', ambiguous: true, cause }
    },
    'mock: throws': () => {
      throw cause
    },
    'mock: rejects': async (batch) => {
      maybe(batch)
      throw cause
    },
    'mock: nonsense': (batch) => {
      maybe(batch)
      return { type: 'perhaps' } as never
    },
    'mock: hangs': (batch) => {
      maybe(batch)
      return new Promise(() => {})
    },
    'mock: late': (batch) =>
      new Promise((resolve) => {
        setTimeout(() => {
          take(batch)
          resolve({ type: 'delivered' })
        }, 500).unref()
      }),
  }
  const names = Object.keys(answers)
  const backend = {
    hostile: false,
    get taken() {
      return taken
    },
    open: () => {
      if (!backend.hostile || random.chance(0.7)) return
      onFault('mock: does not open')
      if (random.chance(0.5)) throw cause
      return new Promise<void>(() => {})
    },
    export: (batch: readonly TelemetryEvent[]) => {
      if (!backend.hostile || random.chance(0.4)) {
        take(batch)
        return { type: 'delivered' } as const
      }
      const name = random.pick(names)
      onFault(name)
      return answers[name]!(batch)
    },
  }
  return backend
}
