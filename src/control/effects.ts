import { fromPromise } from 'xstate'
import {
  type ChangeEffect,
  exporterMachine,
  supervisorMachine,
  systemMachine,
  type UnitPort,
  type WaveReport,
} from '../../machines/index.ts'
import type { Unit } from '../delivery/unit.ts'

/** Every port the composition root hands to the machines is a unit. */
const unitOf = ({ unit }: { unit: UnitPort }): Unit => unit as Unit

/** The charts' placeholder actors, made real: each is one method of the unit. */
export const wireExporter = (): typeof exporterMachine =>
  exporterMachine.provide({
    actors: {
      open: fromPromise<void, { unit: UnitPort }>(({ input, signal }) => unitOf(input).open(signal)),
      prepare: fromPromise<void, { unit: UnitPort; effect: ChangeEffect }>(({ input, signal }) =>
        unitOf(input).prepare(signal, input.effect === 'replace'),
      ),
      exportWave: fromPromise<WaveReport, { unit: UnitPort; probe: boolean }>(({ input }) =>
        unitOf(input).exportWave(input.probe),
      ),
      retire: fromPromise<void, { unit: UnitPort }>(({ input }) => unitOf(input).retire()),
      drain: fromPromise<WaveReport, { unit: UnitPort; probe: boolean }>(({ input }) =>
        unitOf(input).drain(input.probe),
      ),
      close: fromPromise<void, { unit: UnitPort }>(({ input }) => unitOf(input).close()),
    },
  })

/** @param exporter the exporter's chart, wired; tests hand in one that crashes. */
export const wireSystem = (exporter: typeof exporterMachine = wireExporter()): typeof systemMachine =>
  systemMachine.provide({
    actors: {
      exporter,
      supervisor: supervisorMachine.provide({
        actors: { fence: fromPromise<void, { unit: UnitPort }>(({ input }) => unitOf(input).fence()) },
      }),
    },
  })
