import type { OtelConfig } from '../schema.ts'
import type { AttributeLimits } from './attributes.ts'

/** Settings for spans, read once for each configuration rather than for each event. */
export interface SpanSettings {
  /** Whose settings these are. */
  readonly config: OtelConfig
  readonly samplingRate: number
  readonly maxActiveSpans: number
  readonly ttlMs: number
  readonly limits: AttributeLimits
  /** The client in force takes encoded spans; the package's has a serializer of its own. */
  readonly encodes: boolean
}

export const spanSettings = (config: OtelConfig): SpanSettings => ({
  config,
  samplingRate: config.sampling_rate,
  maxActiveSpans: config.max_active_spans,
  ttlMs: config.span_ttl * 1000,
  limits: { count: config.max_attributes, length: config.max_attribute_length },
  encodes: config.client !== 'package',
})
