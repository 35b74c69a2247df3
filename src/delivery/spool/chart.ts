import { fromPromise } from 'xstate'
import { type OpenedSpool, spoolMachine } from '../../../machines/index.ts'

/** The spool chart's placeholder actors, made real. */
export const wireSpool = (store: {
  open(): Promise<OpenedSpool>
  close(): Promise<void>
}): typeof spoolMachine =>
  spoolMachine.provide({
    actors: {
      open: fromPromise(() => store.open()),
      close: fromPromise(() => store.close()),
    },
  })
