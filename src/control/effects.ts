import { fromPromise } from 'xstate'
import {
  deliveryMachine,
  exporterMachine,
  type FenceReport,
  systemMachine,
  type UnitPort,
  type WaveReport,
  type WaveScope,
} from '../../machines/index.ts'
import type { UnitLife } from '../delivery/life.ts'

interface UnitInput {
  readonly unit: UnitPort
}

/** Every port the composition root hands to the machines is a life of a unit. */
const lifeOf = ({ unit }: UnitInput): UnitLife => unit as UnitLife

/** The exporter chart's placeholder actors, made real: each is one method of the unit. */
export const wireExporter = (): typeof exporterMachine =>
  exporterMachine.provide({
    actors: {
      fence: fromPromise<FenceReport, UnitInput>(({ input }) => lifeOf(input).fence()),
      open: fromPromise<void, UnitInput>(({ input, signal }) => lifeOf(input).open(signal)),
      prepare: fromPromise<void, UnitInput & { effect: 'rebuild' | 'replace' }>(({ input, signal }) =>
        lifeOf(input).prepare(signal, input.effect),
      ),
      retire: fromPromise<void, UnitInput>(({ input }) => lifeOf(input).retire()),
      close: fromPromise<void, UnitInput>(({ input }) => lifeOf(input).close()),
    },
  })

/** The delivery chart's placeholder actors, made real. */
const wireDelivery = (): typeof deliveryMachine =>
  deliveryMachine.provide({
    actors: {
      exportWave: fromPromise<WaveReport, UnitInput & { scope: WaveScope }>(({ input }) =>
        lifeOf(input).exportWave(input.scope),
      ),
      drain: fromPromise<WaveReport, UnitInput & { probe: boolean; withinMs: number }>(({ input }) =>
        lifeOf(input).drain(input.probe, input.withinMs),
      ),
    },
  })

/** The whole system of charts, wired. Tests hand in charts that crash. */
export const wireSystem = ({
  exporter = wireExporter(),
  delivery = wireDelivery(),
}: {
  exporter?: typeof exporterMachine
  delivery?: typeof deliveryMachine
} = {}): typeof systemMachine =>
  systemMachine.provide({
    actors: {
      exporter,
      delivery,
      yield: fromPromise<void>(() => new Promise((resolve) => setImmediate(resolve))),
    },
  })
