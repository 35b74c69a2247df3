import type { Config } from '../../exporter.ts'
import type { AttributeLimits } from './attributes.ts'

/** What the keys of a configuration say about spans, read once for each configuration and not for each event. */
export interface SpanSettings {
  /** Whose settings these are. */
  readonly config: Config
  readonly samplingRate: number
  readonly maxActiveSpans: number
  readonly ttlMs: number
  readonly limits: AttributeLimits
  /** The client in force takes encoded spans; the package's has a serializer of its own. */
  readonly encodes: boolean
}

export const spanSettings = (config: Config): SpanSettings => ({
  config,
  samplingRate: config.sampling_rate as number,
  maxActiveSpans: config.max_active_spans as number,
  ttlMs: (config.span_ttl as number) * 1000,
  limits: { count: config.max_attributes as number, length: config.max_attribute_length as number },
  encodes: config.client !== 'package',
})
