import type { Telemetry } from '../contract.ts'

/** What the admin API needs of a telemetry system. Whatever events it is typed for fits. */
export interface AdminTelemetry
  extends Pick<Telemetry, 'status' | 'flush' | 'restart' | 'breaker' | 'snapshot'>,
    // Needed by taps only.
    Partial<Pick<Telemetry, 'attach'>> {
  readonly config: Pick<Telemetry['config'], 'putFrom' | 'unsetFrom' | 'explain'>
}
