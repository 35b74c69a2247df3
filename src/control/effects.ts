import { fromPromise } from 'xstate'
import {
  deliveryMachine,
  type ExportPlace,
  exporterMachine,
  type FenceReport,
  failoverMachine,
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
export const wireDelivery = (): typeof deliveryMachine =>
  deliveryMachine.provide({
    actors: {
      exportWave: fromPromise<WaveReport, ExportPlace & { scope: WaveScope }>(({ input }) =>
        lifeOf(input).exportWave(input.scope, input),
      ),
      drain: fromPromise<WaveReport, ExportPlace & { probe: boolean; withinMs: number }>(({ input }) =>
        lifeOf(input).drain(input.probe, input.withinMs, input),
      ),
    },
  })

/** The failover chart's placeholder actor, made real. */
export const wireFailover = (): typeof failoverMachine =>
  failoverMachine.provide({
    actors: {
      exportProbe: fromPromise<WaveReport, UnitInput & { endpoint: number }>(({ input }) =>
        lifeOf(input).exportProbe(input.endpoint),
      ),
    },
  })

/** The whole system of charts, wired. Tests hand in charts that crash. */
export const wireSystem = ({
  exporter = wireExporter(),
  delivery = wireDelivery(),
  failover = wireFailover(),
}: {
  exporter?: typeof exporterMachine
  delivery?: typeof deliveryMachine
  failover?: typeof failoverMachine
} = {}): typeof systemMachine =>
  systemMachine.provide({
    actors: {
      exporter,
      delivery,
      failover,
      yield: fromPromise<void>(() => new Promise((resolve) => setImmediate(resolve))),
    },
  })
