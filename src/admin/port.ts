import type { Telemetry } from '../contract.ts'

/** The part of a telemetry system that the admin API uses. Fits a `Telemetry` of any event types. */
export interface AdminTelemetry
  extends Pick<Telemetry, 'status' | 'flush' | 'restart' | 'breaker' | 'snapshot'>,
    // Needed by taps only.
    Partial<Pick<Telemetry, 'attach'>> {
  readonly config: Pick<Telemetry['config'], 'putFrom' | 'unsetFrom' | 'explain'>
}
