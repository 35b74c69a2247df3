import type { AttributeLimits } from '../otel/spans/attributes.ts'
import { createLayouts, type Layouts } from './layouts.ts'
import type { OtelLogsConfig } from './schema.ts'
import { severityRules } from './severity.ts'

/** Settings for records, read once for each configuration rather than for each event. */
export interface LogSettings {
  /** Whose settings these are. */
  readonly config: OtelLogsConfig
  readonly layoutOf: Layouts
  /** The key of the metadata that becomes the body. */
  readonly bodyKey: string | null
  readonly limits: AttributeLimits
}

export const logSettings = (config: OtelLogsConfig): LogSettings => ({
  config,
  layoutOf: createLayouts(severityRules(config.severities)),
  bodyKey: config.body,
  limits: { count: config.max_attributes, length: config.max_attribute_length },
})
