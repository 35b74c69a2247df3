import { setTimeout as after } from 'node:timers/promises'

/** Between two looks at what another process does. Looking without a pause would take the processor from it. */
export const pause = (): Promise<void> => after(5)
