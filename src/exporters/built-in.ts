import type { AnyExporterDefinition } from './exporter.ts'
import { mock } from './mock.ts'
import { prometheus } from './prometheus/index.ts'

/** Every type telemachine comes with. */
export const builtInTypes = (): AnyExporterDefinition[] => [prometheus(), mock()]
