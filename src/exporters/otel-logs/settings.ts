import type { AttributeLimits } from '../otel/spans/attributes.ts'
import type { OtelLogsConfig } from './schema.ts'
import { type SeverityRules, severityRules } from './severity.ts'

/** Settings for records, read once for each configuration rather than for each event. */
export interface LogSettings {
  /** Whose settings these are. */
  readonly config: OtelLogsConfig
  readonly severityByName: SeverityRules
  /** The key of the metadata that becomes the body. */
  readonly bodyKey: string | null
  readonly limits: AttributeLimits
}

export const logSettings = (config: OtelLogsConfig): LogSettings => ({
  config,
  severityByName: severityRules(config.severities),
  bodyKey: config.body,
  limits: { count: config.max_attributes, length: config.max_attribute_length },
})
