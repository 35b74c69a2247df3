import type { SpoolState } from '../../../machines/states.ts'

/** A spool, as `status().exporters[id].spool` shows it. */
export interface SpoolStatus {
  readonly state: SpoolState
  readonly directory: string
  readonly mode: 'overflow' | 'always'
  readonly files: number
  readonly bytes: number
  /** When the oldest file was written, in epoch milliseconds; null without one. */
  readonly oldestAt: number | null
  /** Files that are set aside, because they are not what their names say. */
  readonly quarantined: number
  /** Files in the directory that telemachine did not write, when it was last listed. */
  readonly foreign: number
}
