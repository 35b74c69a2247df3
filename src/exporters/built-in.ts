import { datadog } from './datadog/index.ts'
import type { AnyExporterDefinition } from './exporter.ts'
import { mock } from './mock.ts'
import { otel } from './otel/index.ts'
import { prometheus } from './prometheus/index.ts'

/** Every type telemachine comes with. */
export const builtInTypes = (): AnyExporterDefinition[] => [otel(), prometheus(), datadog(), mock()]
